export { describeParquetCodec, type ParquetCodecSuite } from "./parquet-codec.ts";
