import {
  Bool,
  type DataType,
  Field,
  Float32,
  Float64,
  Int64,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimestampMillisecond,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { shown } from "../client/errors.ts";
import { featureStoreError } from "../errors.ts";
import { fromTable, type TableSource } from "./table-source.ts";

/** A cell of a row: a `Date` becomes a timestamp in UTC, a number a float64, a bigint an int64. */
export type Cell = string | number | bigint | boolean | Date | null | undefined;

/** A cell, or a vector: a list of floats. */
export type RowCell = Cell | Float32Array;

/**
 * A source over row objects, for small tables, tests and requests; data of size comes as Arrow.
 *
 * @throws COLUMN_TYPE_MISMATCH when a column holds values of two types, or of one that no column has; TIMESTAMP_INVALID,
 *   VALUE_OUT_OF_RANGE for a `Date` without a time and a bigint of more than 64 bits
 */
export function fromRows(name: string, rows: readonly Readonly<Record<string, RowCell>>[]): TableSource {
  // Without rows there are no columns, and no batch that could lack one.
  if (rows.length === 0) return fromTable(name, new Table());
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const vectors = columns.map((column) => {
    const cells = rows.map((row) => row[column] ?? null);
    return vectorFromArray(cells, typeOf(column, cells, name));
  });
  const schema = new Schema(columns.map((column, i) => new Field(column, vectors[i]?.type ?? new Float64(), true)));
  const children = vectors.flatMap((vector) => vector.data);
  const struct = makeData({ type: new Struct(schema.fields), length: rows.length, nullCount: 0, children });
  return fromTable(name, new Table([new RecordBatch(schema, struct)]));
}

function typeOf(column: string, cells: readonly RowCell[], table: string): DataType {
  const kinds = [...new Set(cells.map((cell, row) => kindOf(cell, { column, table, row })))].filter(
    (kind) => kind !== "nothing",
  );
  if (kinds.length > 1) {
    const found = kinds.join(" and ");
    throw featureStoreError("COLUMN_TYPE_MISMATCH", { column, table, found, wanted: "values of one type" });
  }
  switch (kinds[0]) {
    case "string":
      return new Utf8();
    case "bigint":
      return new Int64();
    case "boolean":
      return new Bool();
    case "vector":
      return new List(new Field("item", new Float32(), true));
    case "Date":
      return new TimestampMillisecond("UTC");
    default:
      return new Float64();
  }
}

type Kind = "nothing" | "vector" | "Date" | "string" | "number" | "bigint" | "boolean";

function kindOf(cell: RowCell, at: { readonly column: string; readonly table: string; readonly row: number }): Kind {
  if (cell == null) return "nothing";
  if (cell instanceof Float32Array) return "vector";
  if (cell instanceof Date) {
    if (!Number.isNaN(cell.getTime())) return "Date";
    throw featureStoreError("TIMESTAMP_INVALID", { ...at, rule: "it is no time" });
  }
  if (typeof cell === "bigint" && BigInt.asIntN(64, cell) !== cell) {
    throw featureStoreError("VALUE_OUT_OF_RANGE", { value: String(cell), of: at.column, type: "int64" });
  }
  const kind = typeof cell;
  if (kind === "string" || kind === "number" || kind === "bigint" || kind === "boolean") return kind;
  const wanted = "text, numbers, bigints, booleans, Dates or Float32Arrays";
  throw featureStoreError("COLUMN_TYPE_MISMATCH", { ...at, found: shown(cell), wanted });
}
