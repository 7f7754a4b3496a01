import type { FeatureView } from "../define/feature-view.ts";
import type { DuckdbDatabase, Session } from "./duckdb-database.ts";
import { identifier, type Kind } from "./duckdb-columns.ts";
import { countRows, type DuckdbConnection } from "./duckdb-library.ts";
import type { DuckdbTable } from "./duckdb-table.ts";
import type { Keepable } from "./kept-timelines.ts";
import type { JoinRequest } from "./port.ts";

/**
 * The rows of a source that can be the last one seen: a row that enters no earlier than one after it (by event, known,
 * ingestion) never is. Over what is left one ASOF join by the time of entering answers.
 */
export class LastSeenRows implements Keepable {
  /** `code`, `event`, `enter`, `known` where it can be extended, and the inputs `c0, c1, ...`, in order of key and time. */
  readonly table: string;
  /** The keys `k0, k1, ...` and their `code`. */
  readonly keys: string;
  readonly rows: number;
  /** The input columns, `c0` first. */
  readonly inputs: ReadonlyMap<string, Kind>;
  readonly #drop: (() => Promise<void>) | undefined;
  #held = 0;
  #retired = false;

  constructor(
    made: { readonly table: string; readonly keys: string; readonly rows: number },
    inputs: ReadonlyMap<string, Kind>,
    drop?: () => Promise<void>,
  ) {
    this.table = made.table;
    this.keys = made.keys;
    this.rows = made.rows;
    this.inputs = inputs;
    this.#drop = drop;
  }

  /** As if nothing were compressed. */
  get bytes(): number {
    return this.rows * (28 + 8 * this.inputs.size);
  }

  hold(): void {
    this.#held++;
  }

  async release(): Promise<void> {
    this.#held--;
    if (this.#retired && this.#held === 0) await this.#drop?.();
  }

  retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    // A table that stays goes with the file it is in.
    if (this.#held === 0) void this.#drop?.().catch(() => undefined);
  }
}

/** What is asked of the rows of a view: it decides which can be the last one seen. */
export type LastSeenRequest = Pick<JoinRequest, "view" | "knownAt" | "strict"> & {
  readonly inputs: readonly string[];
};

/** What tells such rows of one source apart. */
export function lastSeenOf({ view, knownAt, strict, inputs }: LastSeenRequest): unknown {
  const keys = view.keys.map(({ column, type }) => [column, type]);
  return [keys, view.eventTime, view.knownAt ?? null, knownAt, strict, inputs];
}

/** @param lasting the tables outlast the session and can be extended */
export async function buildLastSeen(
  database: DuckdbDatabase,
  session: Session,
  request: LastSeenRequest,
  source: DuckdbTable,
  lasting: boolean,
): Promise<LastSeenRows> {
  const { connection } = session;
  const tables = await newTables(session, lasting, source.name);
  const drop = dropOf(database, connection, tables, lasting);
  try {
    const present = request.view.keys.map(({ column }) => `${identifier(column)} IS NOT NULL`);
    await connection.run(`CREATE ${lasting ? "" : "TEMP "}TABLE ${tables.keys} AS
      SELECT (row_number() OVER () - 1)::INTEGER AS code, *
      FROM (SELECT DISTINCT ${keyColumns(request.view)} FROM ${source.name} WHERE ${present.join(" AND ")})`);
    const known = lasting && request.view.knownAt !== undefined;
    await order(connection, enteringRows(request, source.name, tables.keys), request, known);
    await connection.run(
      `CREATE ${lasting ? "" : "TEMP "}TABLE ${tables.table} AS ${lastOfOrdered(request, known)}; DROP TABLE ordered`,
    );
    return await made(connection, tables, request, source, drop);
  } catch (error) {
    await drop();
    throw error;
  }
}

/**
 * The rows of all together, from those of before and rows ingested later. Rows of a key that both happened and entered before
 * all of its later ones stay as they are: none of them hides the other.
 */
export async function extendLastSeen(
  database: DuckdbDatabase,
  session: Session,
  request: LastSeenRequest,
  earlier: LastSeenRows,
  added: DuckdbTable,
): Promise<LastSeenRows> {
  const { connection } = session;
  const tables = await newTables(session, true, added.name);
  const drop = dropOf(database, connection, tables, true);
  try {
    const names = request.view.keys.map((_, i) => `k${i}`).join(", ");
    const present = request.view.keys.map(({ column }) => `${identifier(column)} IS NOT NULL`);
    const count = await countRows(connection, earlier.keys);
    const fresh = `SELECT ${keyColumns(request.view)} FROM ${added.name} WHERE ${present.join(" AND ")}`;
    await connection.run(`CREATE TABLE ${tables.keys} AS SELECT code, ${names} FROM ${earlier.keys}
      UNION ALL SELECT (${count} + row_number() OVER () - 1)::INTEGER, ${names}
      FROM (${fresh} EXCEPT SELECT ${names} FROM ${earlier.keys})`);
    const known = request.view.knownAt !== undefined;
    const inputs = request.inputs.map((_, i) => `, c${i}`).join("");
    const columns = `code, event, enter${known ? ", known" : ""}${inputs}`;
    await connection.run(`CREATE OR REPLACE TEMP TABLE added AS ${enteringRows(request, added.name, tables.keys)};
      CREATE OR REPLACE TEMP TABLE firsts AS
        SELECT code, min(event) AS event, min(enter) AS enter FROM added GROUP BY code;
      CREATE OR REPLACE TEMP TABLE marked AS
        SELECT e.*, coalesce(e.event >= f.event OR e.enter >= f.enter, false) AS late
        FROM ${earlier.table} AS e LEFT JOIN firsts AS f ON e.code = f.code`);
    // Of those of before no two have one event and known time, so that any number before the later ones' does.
    const again = `SELECT ${columns}, -1 AS "#" FROM marked WHERE late UNION ALL SELECT ${columns}, "#" FROM added`;
    await order(connection, again, request, known);
    await connection.run(`CREATE TABLE ${tables.table} AS SELECT ${columns} FROM marked WHERE NOT late
      UNION ALL ${lastOfOrdered(request, known)};
      DROP TABLE ordered; DROP TABLE added; DROP TABLE firsts; DROP TABLE marked`);
    const kinds = added.rows === 0 ? { ...added, kinds: earlier.inputs } : added;
    return await made(connection, tables, request, kinds, drop);
  } catch (error) {
    await drop();
    throw error;
  }
}

interface Tables {
  readonly table: string;
  readonly keys: string;
}

const newTables = async (session: Session, lasting: boolean, name: string): Promise<Tables> =>
  lasting
    ? { table: await session.lastingTable(), keys: await session.lastingTable() }
    : { table: `${name}_last_seen`, keys: `${name}_keys` };

const dropOf =
  (database: DuckdbDatabase, connection: DuckdbConnection, { table, keys }: Tables, lasting: boolean) =>
  async (): Promise<void> => {
    if (lasting) await database.drop([table, keys]);
    else await connection.run(`DROP TABLE IF EXISTS ${table}; DROP TABLE IF EXISTS ${keys}`);
  };

async function made(
  connection: DuckdbConnection,
  tables: Tables,
  { inputs }: LastSeenRequest,
  { kinds }: Pick<DuckdbTable, "kinds">,
  drop: () => Promise<void>,
): Promise<LastSeenRows> {
  const rows = await countRows(connection, tables.table);
  return new LastSeenRows({ ...tables, rows }, new Map(inputs.map((input) => [input, kinds.get(input) as Kind])), drop);
}

const keyColumns = ({ keys }: FeatureView): string =>
  keys.map(({ column }, i) => `${identifier(column)} AS k${i}`).join(", ");

/** Twice the range of times: values of one key never reach those of the next. */
const keyStep = "18014398509481984::HUGEINT";

/** The rows of a source that can be seen at all: `code`, `event`, `known`, `enter`, the inputs and `"#"`. */
function enteringRows({ view, knownAt, strict, inputs }: LastSeenRequest, source: string, keys: string): string {
  const event = identifier(view.eventTime);
  const told = view.knownAt === undefined ? undefined : identifier(view.knownAt);
  const cut = knownAt && told !== undefined;
  const happened = strict ? `${event} + 1` : event;
  const match = view.keys.map(({ column }, i) => `${identifier(column)} = k${i}`);
  const seen = [...(cut ? [told] : []), event].map((column) => `${column} IS NOT NULL`);
  const columns = inputs.map((column, i) => `, ${identifier(column)} AS c${i}`).join("");
  return `SELECT code, ${event} AS event, ${told ?? "NULL::BIGINT"} AS known,
      ${cut ? `greatest(${happened}, ${told})` : happened} AS enter${columns}, "#"
    FROM ${source} JOIN ${keys} ON ${match.join(" AND ")} WHERE ${seen.join(" AND ")}`;
}

/** Makes the table `ordered`: rows in order of key, and from the last one to the first. */
async function order(
  connection: DuckdbConnection,
  rows: string,
  { view, inputs }: LastSeenRequest,
  known: boolean,
): Promise<void> {
  // A null is never known: the last of all.
  const told = view.knownAt === undefined ? "" : "known DESC NULLS FIRST, ";
  await connection.run(`CREATE OR REPLACE TEMP TABLE ordered AS
    SELECT ${columnsOf(inputs, known)} FROM (${rows}) ORDER BY code, event DESC, ${told}"#" DESC`);
}

/**
 * From the last row of a key to the first, a row counts while it enters before all that came after it. The least time of
 * entering of one key is kept in one running maximum over all keys, which DuckDB finds in one pass.
 */
const lastOfOrdered = ({ inputs }: LastSeenRequest, known: boolean): string =>
  `SELECT ${columnsOf(inputs, known)} FROM (
    SELECT *, lag(least) OVER () AS before FROM (
      SELECT *, max(code * ${keyStep} - enter) OVER (ROWS UNBOUNDED PRECEDING) AS least FROM ordered))
  WHERE before IS NULL OR least > before`;

const columnsOf = (inputs: readonly string[], known: boolean): string =>
  `code, event, enter${known ? ", known" : ""}${inputs.map((_, i) => `, c${i}`).join("")}`;
