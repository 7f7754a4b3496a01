import { type ColumnData, fromInt64 } from "./column-data.ts";
import { chunkItems, type DuckdbChunk, type DuckdbConnection, forEachChunk } from "./duckdb-library.ts";

/** What a column is; whole numbers, booleans and times are stored as BIGINT, times as epoch microseconds. */
export type Kind = "integer" | "float" | "boolean" | "string" | "time" | "naive time";

export const storedAs: Readonly<Record<Kind, string>> = {
  integer: "BIGINT",
  float: "DOUBLE",
  boolean: "BIGINT",
  string: "VARCHAR",
  time: "BIGINT",
  "naive time": "BIGINT",
};

export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;
/**
 * The name of a column of the user's in a table of ours. DuckDB tells names apart whatever their case, and ours stand beside
 * them.
 */
export const storedName = (column: string): string => identifier(`=${column.replace(/[\^A-Z]/g, "^$&")}`);

export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Rows in DuckDB that are read into columns in memory. */
export interface Relation {
  /** A table, or a query in brackets. */
  readonly from: string;
  /** The place of a row among all, from 0. */
  readonly place: string;
  readonly rows: number;
}

/** Reads columns of a relation, all in one pass: strings as codes of their distinct values. */
export async function readColumns(
  connection: DuckdbConnection,
  columns: ReadonlyMap<string, Kind>,
  { from, place, rows }: Relation,
): Promise<Map<string, ColumnData>> {
  const selected: string[] = [];
  const joins: string[] = [];
  const collectors: { readonly name: string; readonly collector: RowCollector }[] = [];
  for (const [name, kind] of columns) {
    const column = `r.${storedName(name)}`;
    const words = `words_${collectors.length}`;
    const dictionary = kind === "string" && rows > 0 ? await readWords(connection, words, name, from) : [];
    // Rows without a string match no word.
    if (kind === "string") joins.push(`LEFT JOIN ${words} ON ${column} = ${words}.text`);
    selected.push(kind === "string" ? present(`${words}.code`, "INTEGER") : selectedAs(kind, column));
    collectors.push({ name, collector: new RowCollector(kind, rows, dictionary) });
  }
  const sql = `SELECT (${place})::INTEGER, ${selected.join(", ")} FROM ${from} AS r ${joins.join(" ")}`;
  if (rows > 0 && collectors.length > 0) {
    await forEachChunk(connection, sql, (chunk) => {
      const places = chunkItems<Int32Array>(chunk, 0);
      collectors.forEach(({ collector }, i) => collector.take(chunk, 1 + 2 * i, places));
    });
  }
  return new Map(collectors.map(({ name, collector }) => [name, collector.data()]));
}

async function readWords(connection: DuckdbConnection, words: string, column: string, from: string): Promise<string[]> {
  const name = storedName(column);
  await connection.run(`CREATE OR REPLACE TEMP TABLE ${words} AS
    SELECT text, (row_number() OVER () - 1)::INTEGER AS code
    FROM (SELECT DISTINCT ${name} AS text FROM ${from} AS r WHERE ${name} IS NOT NULL)`);
  const dictionary: string[] = [];
  await forEachChunk(connection, `SELECT text, code FROM ${words}`, (chunk) => {
    const vector = chunk.getColumnVector(0);
    const codes = chunkItems<Int32Array>(chunk, 1);
    for (let row = 0; row < chunk.rowCount; row++) dictionary[codes[row] as number] = vector.getItem(row) as string;
  });
  return dictionary;
}

/** Two expressions, a value and whether there is one, as {@link RowCollector} takes them; of a string the text itself. */
export function selectedAs(kind: Kind, value: string): string {
  if (kind === "string") return `coalesce(${value}, ''), (${value} IS NOT NULL)::UTINYINT`;
  return present(value, kind === "float" ? "DOUBLE" : "BIGINT");
}

const present = (value: string, type: string): string =>
  `coalesce(${value}, 0)::${type}, (${value} IS NOT NULL)::UTINYINT`;

/** Puts the values of a column together from chunks whose rows come in any order. */
export class RowCollector {
  readonly #kind: Kind;
  readonly #values: Float64Array | BigInt64Array | Int32Array;
  readonly #valid: Uint8Array;
  readonly #dictionary: readonly string[];

  /** @param dictionary of strings, whose codes are taken */
  constructor(kind: Kind, rows: number, dictionary: readonly string[] = []) {
    this.#kind = kind;
    if (kind === "string") this.#values = new Int32Array(rows);
    else this.#values = kind === "float" ? new Float64Array(rows) : new BigInt64Array(rows);
    this.#valid = new Uint8Array(rows);
    this.#dictionary = dictionary;
  }

  /** @param places where each row goes; its value is at `column` of the chunk, and whether there is one at the next */
  take(chunk: DuckdbChunk, column: number, places: Int32Array): void {
    scatter(this.#valid, chunkItems<Uint8Array>(chunk, column + 1), places);
    const values = this.#values;
    if (values instanceof BigInt64Array) scatter(values, chunkItems<BigInt64Array>(chunk, column), places);
    else if (values instanceof Int32Array) scatter(values, chunkItems<Int32Array>(chunk, column), places);
    else scatter(values, chunkItems<Float64Array>(chunk, column), places);
  }

  data(): ColumnData {
    const nulls = this.#valid.includes(0) ? { valid: this.#valid } : {};
    const kind = this.#kind;
    const values = this.#values;
    if (values instanceof Int32Array) return { kind: "string", values, dictionary: this.#dictionary, ...nulls };
    if (values instanceof Float64Array) return { kind: "number", values, integer: false, ...nulls };
    const integers = fromInt64(values, nulls.valid);
    if (kind === "integer") return integers;
    if (kind === "boolean") return { kind, values: Uint8Array.from(integers.values as Float64Array), ...nulls };
    return { kind: "time", values: integers.values as Float64Array, naive: kind === "naive time", ...nulls };
  }
}

function scatter<Numbers extends Float64Array | BigInt64Array | Int32Array | Uint8Array>(
  into: Numbers,
  from: Numbers,
  places: Int32Array,
): void {
  // Most often the rows come in their order: then each chunk is one piece.
  const first = places[0] as number;
  let inOrder = true;
  for (let i = 1; i < places.length && inOrder; i++) inOrder = places[i] === first + i;
  if (inOrder) into.set(from as never, first);
  else for (let i = 0; i < places.length; i++) into[places[i] as number] = from[i] as never;
}
