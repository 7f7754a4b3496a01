import { primitiveTypes } from "./column-type.ts";
import { readFooter } from "./footer.ts";
import { scanInJavaScript } from "./hyparquet-read.ts";
import { HyparquetWriter } from "./hyparquet-write.ts";
import type { ParquetCodec } from "./port.ts";

/**
 * Parquet in plain JavaScript, for where no native library can be: `hyparquet` reads and `hyparquet-writer` writes.
 * A file being written is kept in memory, compressed, one row group of up to 122,880 rows at a time.
 */
export function hyparquet(): ParquetCodec {
  return {
    name: "hyparquet",
    capabilities: {
      compressions: ["zstd", "snappy", "gzip", "none"],
      columnTypes: primitiveTypes,
      decimals: true,
      nested: true,
    },
    create: async (schema, options = {}) => new HyparquetWriter(schema, options.compression ?? "zstd"),
    open: async (source, options = {}) => {
      options.signal?.throwIfAborted();
      const footer = await readFooter(source);
      return {
        schema: footer.schema,
        rows: footer.rows,
        rowGroups: footer.rowGroups,
        scan: (scanOptions = {}) => scanInJavaScript(source, footer, scanOptions),
        async [Symbol.asyncDispose]() {},
      };
    },
    async [Symbol.asyncDispose]() {},
  };
}
