import { storageError } from "../errors.ts";

/** What this package needs of `@duckdb/node-api`. */
export interface DuckDbLibrary {
  readonly DuckDBInstance: {
    create(path?: string, options?: Record<string, string>): Promise<DuckDbInstance>;
  };
  readonly DuckDBDataChunk: { create(types: readonly DuckDbType[], rowCount?: number): DuckDbChunk };
  /** Its `flush` copies the items into the memory of a vector, of whatever type that is. */
  readonly DuckDBBigIntVector: new (items: BigInt64Array, validity: never, vector: never) => DuckDbVector;
}

export interface DuckDbType {
  readonly typeId: number;
}

export interface DuckDbInstance {
  connect(): Promise<DuckDbConnection>;
  closeSync(): void;
}

export interface DuckDbConnection {
  run(sql: string): Promise<DuckDbRows>;
  stream(sql: string): Promise<DuckDbResult>;
  createAppender(table: string): Promise<DuckDbAppender>;
  closeSync(): void;
}

export interface DuckDbRows {
  /** Integers of 64 bits are text, maps are lists of `{ key, value }`. */
  getRowsJson(): Promise<readonly (readonly unknown[])[]>;
}

export interface DuckDbResult {
  fetchChunk(): Promise<DuckDbChunk | null>;
}

export interface DuckDbAppender {
  /** The type of a column of its table. */
  columnType(column: number): DuckDbType;
  appendDataChunk(chunk: DuckDbChunk): void;
  closeSync(): void;
}

export interface DuckDbChunk {
  /** Setting it forgets the vectors that were asked for before. */
  rowCount: number;
  getColumnVector(column: number): DuckDbVector;
}

export interface DuckDbVector {
  getItem(row: number): unknown;
  /** Of a vector of blobs. */
  getItemBytes?(row: number): Uint8Array | null;
  setItem(row: number, value: unknown): void;
  flush(): void;
}

const name = "@duckdb/node-api";
const range = "^1.5.5-r.5";

/** Imports DuckDB. @throws LIBRARY_MISSING */
export async function loadDuckDb(load: () => Promise<DuckDbLibrary> = importDuckDb): Promise<DuckDbLibrary> {
  try {
    return await load();
  } catch (cause) {
    throw storageError("LIBRARY_MISSING", { name, range, needed: "The duckdb() Parquet codec" }, { cause });
  }
}

const importDuckDb = (): Promise<DuckDbLibrary> => import("@duckdb/node-api");

/** A string or an identifier in SQL. */
export const sqlText = (text: string): string => `'${text.replaceAll("'", "''")}'`;
export const sqlName = (text: string): string => `"${text.replaceAll('"', '""')}"`;
