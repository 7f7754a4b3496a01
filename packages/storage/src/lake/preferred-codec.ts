import { isAshlarError } from "@ashlar/core";
import { duckdb } from "../parquet/duckdb.ts";
import { loadDuckDb } from "../parquet/duckdb-library.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import type { ParquetCodec } from "../parquet/port.ts";

/** DuckDB where it is installed, plain JavaScript elsewhere; decided on first use. */
export function preferredCodec(load: typeof loadDuckDb = loadDuckDb): ParquetCodec {
  let chosen: Promise<ParquetCodec> | undefined;
  const choose = (): Promise<ParquetCodec> => (chosen ??= preferred(load));
  const { capabilities } = hyparquet();
  return {
    name: "duckdb or hyparquet",
    capabilities,
    create: async (schema, options) => (await choose()).create(schema, options),
    open: async (source, options) => (await choose()).open(source, options),
    async [Symbol.asyncDispose]() {
      await (await chosen)?.[Symbol.asyncDispose]();
      chosen = undefined;
    },
  };
}

async function preferred(load: typeof loadDuckDb): Promise<ParquetCodec> {
  try {
    return duckdb({ lib: await load() });
  } catch (error) {
    if (isAshlarError(error, "LIBRARY_MISSING")) return hyparquet();
    throw error;
  }
}
