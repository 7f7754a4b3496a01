import { arrow } from "./arrow.ts";
import { DuckdbDatabase, type DatabaseOptions } from "./duckdb-database.ts";
import { DuckdbJoin, hasVectors } from "./duckdb-join.ts";
import type { LastSeenRows } from "./duckdb-last-seen.ts";
import { openLabels } from "./duckdb-labels.ts";
import { DuckdbRun } from "./duckdb-run.ts";
import { KeptTimelines } from "./kept-timelines.ts";
import type { OfflineEngine } from "./port.ts";

export type { DuckdbConnection, DuckdbLibrary } from "./duckdb-library.ts";

export interface DuckdbOptions extends DatabaseOptions {
  /**
   * How many bytes of timelines to keep on disk between joins, as if nothing were compressed, of sources that have a
   * fingerprint: a later join over the same version of a source only reads the labels, and one over a version with more rows
   * those too. Only plain features are kept so. Default 4 GiB; 0 keeps none.
   */
  readonly keepBytes?: number;
}

/**
 * The offline engine on DuckDB: it reads Parquet files itself, numbers keys, sorts, and finds the last known row of each
 * label by ASOF join over rows that no later one hides. Sliding windows are summed by the same exact sweep as `arrow()`.
 *
 * What it keeps stays until it is disposed, or until the process ends and the next one that uses DuckDB tidies up.
 *
 * @throws ENGINE_NOT_INSTALLED, at the first use, without `@duckdb/node-api` (^1.5.5-r.5)
 */
export function duckdb({ keepBytes = 4 * 1024 ** 3, ...options }: DuckdbOptions = {}): OfflineEngine & AsyncDisposable {
  const database = new DuckdbDatabase(options);
  const kept = new KeptTimelines<LastSeenRows>(keepBytes);
  return {
    name: "duckdb",
    async timeline(view, request) {
      if (hasVectors(view)) return await arrow().timeline(view, request);
      await using session = await database.session();
      return (await new DuckdbRun(session, false).timeline(view, request)).timeline;
    },
    async *labels(source, request) {
      await using session = await database.session();
      const labels = await openLabels(session, source, request);
      await using join = new DuckdbJoin({ database, session, kept, source, options: request }, labels);
      yield* join.parts();
    },
    async [Symbol.asyncDispose]() {
      kept.clear();
      await database.dropped();
    },
  };
}
