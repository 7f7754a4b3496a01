import type { ColumnType } from "./column-type.ts";
import type { DuckDbLibrary, DuckDbType, DuckDbVector } from "./duckdb-library.ts";
import { storageError } from "../errors.ts";
import type { Numbers } from "./column.ts";

/** DuckDB's name of a column type. */
export const sqlTypes: Readonly<Record<ColumnType, string>> = {
  boolean: "BOOLEAN",
  byte: "TINYINT",
  short: "SMALLINT",
  integer: "INTEGER",
  long: "BIGINT",
  float: "FLOAT",
  double: "DOUBLE",
  string: "VARCHAR",
  binary: "BLOB",
  date: "DATE",
  timestamp: "TIMESTAMPTZ",
  timestamp_ntz: "TIMESTAMP",
};

/** The library's object for a column type. */
export function libraryType(lib: DuckDbLibrary, type: ColumnType): DuckDbType {
  return lib[sqlTypes[type] as keyof DuckDbLibrary] as DuckDbType;
}

/** The typed array in which a fixed-width vector keeps its values; writing to it and flushing writes the vector. */
export function itemsOf(vector: DuckDbVector): Numbers {
  const items: unknown = Reflect.get(vector, "items");
  if (ArrayBuffer.isView(items) && !(items instanceof DataView)) return items as Numbers;
  throw storageError("CODEC_REFUSED", {
    codec: "duckdb",
    what: "vectors that do not keep their values in a typed array",
    remedy: "Use a version of @duckdb/node-api in the range ^1.5.5-r.5.",
  });
}
