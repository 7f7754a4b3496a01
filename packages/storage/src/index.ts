export { encrypted } from "./object/encrypted.ts";
export { storageError, storageErrors } from "./errors.ts";
export type { ColumnType, Scalar } from "./parquet/column-type.ts";
export type {
  ColumnBounds,
  Compression,
  ParquetCapabilities,
  ParquetCodec,
  ParquetOutput,
  ParquetReader,
  ParquetScanOptions,
  ParquetWriteOptions,
  ParquetWriter,
  RowGroupInfo,
} from "./parquet/port.ts";
export type { Condition, Predicate, PredicateValue } from "./parquet/predicate.ts";
export { type ParquetSource, sourceOfBytes, sourceOfFile, sourceOfObject } from "./parquet/source.ts";
