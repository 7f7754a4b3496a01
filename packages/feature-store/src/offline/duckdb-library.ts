import { featureStoreError } from "../errors.ts";

/** What this package uses of `@duckdb/node-api`. */
export interface DuckdbLibrary {
  readonly DuckDBInstance: {
    create(path?: string, options?: Record<string, string>): Promise<DuckdbInstance>;
  };
}

export interface DuckdbInstance {
  connect(): Promise<DuckdbConnection>;
  closeSync(): void;
}

export interface DuckdbConnection {
  run(sql: string): Promise<unknown>;
  stream(sql: string): Promise<{ fetchChunk(): Promise<DuckdbChunk | null> }>;
  createAppender(table: string): Promise<DuckdbAppender>;
  closeSync(): void;
}

export interface DuckdbChunk {
  readonly rowCount: number;
  getColumnVector(index: number): { getItem(row: number): unknown };
}

export interface DuckdbAppender {
  appendBigInt(value: bigint): void;
  appendDouble(value: number): void;
  appendVarchar(value: string): void;
  appendNull(): void;
  endRow(): void;
  flushSync(): void;
  closeSync(): void;
}

/** @throws ENGINE_NOT_INSTALLED */
export async function loadDuckdb(load: () => Promise<DuckdbLibrary>): Promise<DuckdbLibrary> {
  try {
    return await load();
  } catch (cause) {
    throw featureStoreError("ENGINE_NOT_INSTALLED", { package: "@duckdb/node-api", range: "^1.5.5-r.5" }, { cause });
  }
}

/** The rows of a chunk's column as the typed array the library holds them in. */
export function chunkItems<Items>(chunk: DuckdbChunk, column: number): Items {
  return (chunk.getColumnVector(column) as { getItem(row: number): unknown; readonly items: Items }).items;
}

/** Gives each chunk of a result with the number of its first row. */
export async function forEachChunk(
  connection: DuckdbConnection,
  sql: string,
  visit: (chunk: DuckdbChunk, at: number) => void,
): Promise<void> {
  const result = await connection.stream(sql);
  let at = 0;
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    visit(chunk, at);
    at += chunk.rowCount;
  }
}

/** The number of a query of one row and column, or null. */
export async function numberOf(connection: DuckdbConnection, sql: string): Promise<number | null> {
  let found: unknown = null;
  await forEachChunk(connection, sql, (chunk) => {
    found = chunk.getColumnVector(0).getItem(0);
  });
  return found === null ? null : Number(found);
}

export const countRows = async (connection: DuckdbConnection, from: string): Promise<number> =>
  Number(await numberOf(connection, `SELECT count(*) FROM ${from}`));

const units: Readonly<Record<string, number>> = { bytes: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** What DuckDB may use before it spills. */
export async function memoryBytes(connection: DuckdbConnection): Promise<number> {
  let limit = "";
  await forEachChunk(connection, "SELECT current_setting('memory_limit')", (chunk) => {
    limit = String(chunk.getColumnVector(0).getItem(0));
  });
  const [amount, unit] = limit.split(" ");
  return Number(amount) * (units[unit ?? ""] ?? 1);
}
