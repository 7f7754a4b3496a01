import { ByteSink } from "./byte-sink.ts";
import { primitiveTypes } from "./column-type.ts";
import { FlatWriter, isFlat } from "./flat-write.ts";
import { readFooter } from "./footer.ts";
import { scanInJavaScript } from "./hyparquet-read.ts";
import { HyparquetWriter } from "./hyparquet-write.ts";
import type { ParquetCodec } from "./port.ts";

/**
 * Parquet in plain JavaScript, for where no native library can be: `hyparquet` reads; flat columns are
 * encoded here, structs, arrays and maps by `hyparquet-writer`. A file being written is kept in memory, compressed, one
 * row group of up to 122,880 rows at a time.
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
    async create(schema, { compression = "zstd" } = {}) {
      if (!isFlat(schema)) return new HyparquetWriter(schema, compression);
      return new FlatWriter({ schema, compression, sink: new ByteSink(), codec: "hyparquet" });
    },
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
