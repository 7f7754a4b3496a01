import { join } from "node:path";
import type { ReusedChunk } from "./duckdb-chunk.ts";
import { type DuckDbConnection, type DuckDbLibrary, loadDuckDb, sqlText } from "./duckdb-library.ts";
import { Scratch, sweepScratch } from "./scratch.ts";

export interface DuckDbOptions {
  /** The module `@duckdb/node-api`. @default it is imported on first use */
  readonly lib?: DuckDbLibrary;
  /** DuckDB's own memory; beyond it, rows of files being written go to temporary files. @default "512MB" */
  readonly memoryLimit?: string;
  /** Threads of DuckDB. @default one per processor */
  readonly threads?: number;
  /**
   * Threads that encode flat columns beside the caller's, once some millions of values have been written; 0 for none.
   *
   * @default one less than there are processors, at most 4
   */
  readonly encodeThreads?: number;
  /**
   * Where temporary files go, in a folder `ashlar-duckdb-<pid>-…` that is deleted with the codec. Folders there whose
   * process is dead are swept on first use. @default the temporary folder of the system
   */
  readonly temporaryDirectory?: string;
}

/** A database in memory. */
export interface DuckDbSession extends AsyncDisposable {
  readonly lib: DuckDbLibrary;
  connect(): Promise<DuckDbConnection>;
  /** A name for a table that no other use of the session has. */
  tableName(): string;
  /** Chunks to write with, by the types of their columns. */
  readonly chunks: Map<string, ReusedChunk>;
  /** Makes a temporary folder, to be removed by whoever asked for it. */
  folder(kind: string): Promise<string>;
}

/** Opens a database. @throws LIBRARY_MISSING */
export async function startDuckDb(options: DuckDbOptions): Promise<DuckDbSession> {
  const lib = options.lib ?? (await loadDuckDb());
  await sweepScratch(options.temporaryDirectory);
  const scratch = new Scratch(options.temporaryDirectory);
  const instance = await lib.DuckDBInstance.create(":memory:", {
    memory_limit: options.memoryLimit ?? "512MB",
    temp_directory: join(scratch.path, "spill"),
    ...(options.threads === undefined ? {} : { threads: String(options.threads) }),
  });
  let tables = 0;
  return {
    lib,
    chunks: new Map(),
    tableName: () => `written_${(tables += 1)}`,
    folder: (kind) => scratch.folder(kind),
    async connect() {
      const connection = await instance.connect();
      await connection.run(`SET TimeZone = ${sqlText("UTC")}`);
      return connection;
    },
    async [Symbol.asyncDispose]() {
      instance.closeSync();
      await scratch[Symbol.asyncDispose]();
    },
  };
}
