import type { DuckdbDatabase, Session } from "./duckdb-database.ts";
import { type Kind, storedName } from "./duckdb-columns.ts";
import { chunkItems, countRows, type DuckdbConnection, forEachChunk, memoryBytes } from "./duckdb-library.ts";
import type { SourceTable } from "./duckdb-source.ts";
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
  source: SourceTable,
  lasting: boolean,
): Promise<LastSeenRows> {
  const { connection } = session;
  const tables = await newTables(session, lasting);
  const drop = dropOf(database, connection, tables, lasting);
  try {
    await connection.run(`CREATE ${lasting ? "" : "TEMP "}TABLE ${tables.keys} AS FROM ${source.keys}`);
    const known = lasting && request.view.knownAt !== undefined;
    const rows = (of?: KeyRange): string => enteringRows(request, source.name, of);
    let into = `CREATE ${lasting ? "" : "TEMP "}TABLE ${tables.table} AS`;
    for (const range of await keyRanges(connection, rows(), request)) {
      await order(connection, rows(range), request, known);
      await connection.run(`${into} ${lastOfOrdered(request, known)}; DROP TABLE ordered`);
      into = `INSERT INTO ${tables.table}`;
    }
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
  added: SourceTable,
): Promise<LastSeenRows> {
  const { connection } = session;
  const tables = await newTables(session, true);
  const drop = dropOf(database, connection, tables, true);
  try {
    await connection.run(`CREATE TABLE ${tables.keys} AS FROM ${added.keys}`);
    const known = request.view.knownAt !== undefined;
    const columns = columnsOf(request.inputs, known);
    await connection.run(`CREATE OR REPLACE TEMP TABLE added AS ${enteringRows(request, added.name)};
      CREATE OR REPLACE TEMP TABLE firsts AS
        SELECT code, min(event) AS event, min(enter) AS enter FROM added GROUP BY code;
      CREATE OR REPLACE TEMP TABLE marked AS
        SELECT e.*, coalesce(e.event >= f.event OR e.enter >= f.enter, false) AS late
        FROM ${earlier.table} AS e LEFT JOIN firsts AS f ON e.code = f.code`);
    // Of those of before no two have one event and known time, so that any number before the later ones' does.
    const again = `SELECT ${columns}, -1 AS "#" FROM marked WHERE late UNION ALL SELECT ${columns}, "#" FROM added`;
    await connection.run(`CREATE TABLE ${tables.table} AS SELECT ${columns} FROM marked WHERE NOT late`);
    for (const range of await keyRanges(connection, again, request)) {
      await order(connection, `FROM ${within(`(${again})`, range)}`, request, known);
      await connection.run(`INSERT INTO ${tables.table} ${lastOfOrdered(request, known)}; DROP TABLE ordered`);
    }
    await connection.run("DROP TABLE added; DROP TABLE firsts; DROP TABLE marked");
    return await made(connection, tables, request, added, drop);
  } catch (error) {
    await drop();
    throw error;
  }
}

/** Codes of keys, both ends included. */
interface KeyRange {
  readonly from: number;
  readonly to: number;
}

const within = (relation: string, range: KeyRange | undefined): string =>
  range === undefined ? relation : `(FROM ${relation} WHERE code BETWEEN ${range.from} AND ${range.to})`;

/**
 * Keys whose rows together are sorted within a quarter of the memory: a sort that spills costs twice as much. Undefined: all
 * keys at once.
 */
async function keyRanges(
  connection: DuckdbConnection,
  rows: string,
  { inputs }: LastSeenRequest,
): Promise<readonly (KeyRange | undefined)[]> {
  const atOnce = Math.floor((await memoryBytes(connection)) / 4 / (64 + 8 * inputs.length));
  if ((await countRows(connection, `(${rows})`)) <= atOnce) return [undefined];
  const ranges: KeyRange[] = [];
  const sql = `SELECT min(code), max(code) FROM (
      SELECT code, (sum(n) OVER (ORDER BY code) - n) // ${atOnce} AS part
      FROM (SELECT code, count(*) AS n FROM (${rows}) GROUP BY code))
    GROUP BY part ORDER BY part`;
  await forEachChunk(connection, sql, (chunk) => {
    const [from, to] = [chunkItems<Int32Array>(chunk, 0), chunkItems<Int32Array>(chunk, 1)];
    for (let i = 0; i < chunk.rowCount; i++) ranges.push({ from: from[i] as number, to: to[i] as number });
  });
  return ranges;
}

interface Tables {
  readonly table: string;
  readonly keys: string;
}

const newTables = async (session: Session, lasting: boolean): Promise<Tables> =>
  lasting
    ? { table: await session.lastingTable(), keys: await session.lastingTable() }
    : { table: session.newName("last_seen"), keys: session.newName("keys") };

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
  { kinds }: Pick<SourceTable, "kinds">,
  drop: () => Promise<void>,
): Promise<LastSeenRows> {
  const rows = await countRows(connection, tables.table);
  return new LastSeenRows({ ...tables, rows }, new Map(inputs.map((input) => [input, kinds.get(input) as Kind])), drop);
}

/** Twice the range of times: values of one key never reach those of the next. */
const keyStep = "18014398509481984::HUGEINT";

/** The rows of a source that can be seen at all: `code`, `event`, `known`, `enter`, the inputs and `"#"`. */
function enteringRows({ view, knownAt, strict, inputs }: LastSeenRequest, source: string, range?: KeyRange): string {
  const event = storedName(view.eventTime);
  const told = view.knownAt === undefined ? undefined : storedName(view.knownAt);
  const cut = knownAt && told !== undefined;
  const happened = strict ? `${event} + 1` : event;
  const seen = [...(cut ? [told] : []), event, `"#code"`].map((column) => `${column} IS NOT NULL`);
  if (range !== undefined) seen.push(`"#code" BETWEEN ${range.from} AND ${range.to}`);
  const columns = inputs.map((column, i) => `, ${storedName(column)} AS c${i}`).join("");
  return `SELECT "#code" AS code, ${event} AS event, ${told ?? "NULL::BIGINT"} AS known,
      ${cut ? `greatest(${happened}, ${told})` : happened} AS enter${columns}, "#"
    FROM ${source} WHERE ${seen.join(" AND ")}`;
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
    SELECT ${columnsOf(inputs, known)} FROM (${rows}) ORDER BY ${await keyAndEvent(connection, rows)}, ${told}"#" DESC`);
}

/** What orders rows by key, and from the last event to the first: one number where 63 bits hold both, which sorts a third faster. */
async function keyAndEvent(connection: DuckdbConnection, rows: string): Promise<string> {
  const ends = "min(code)::DOUBLE, max(code)::DOUBLE, min(event)::DOUBLE, max(event)::DOUBLE";
  let bounds: readonly number[] = [];
  await forEachChunk(connection, `SELECT ${ends} FROM (${rows})`, (chunk) => {
    bounds = [0, 1, 2, 3].map((column) => Number(chunk.getColumnVector(column).getItem(0)));
  });
  const [firstCode = 0, lastCode = 0, first = 0, last = 0] = bounds;
  const span = BigInt(last) - BigInt(first) + 1n;
  if (BigInt(lastCode - firstCode + 1) * span >= 2n ** 63n) return "code, event DESC";
  return `(code - ${firstCode})::BIGINT * ${span} - (event - ${first})`;
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
