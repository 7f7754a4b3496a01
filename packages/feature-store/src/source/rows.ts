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
import { featureStoreError } from "../errors.ts";
import { fromTable, type TableSource } from "./table-source.ts";

/** A cell of a row: a `Date` becomes a timestamp in UTC, a number a float64, a bigint an int64. */
export type Cell = string | number | bigint | boolean | Date | null | undefined;

/** A cell, or a vector: a list of floats. */
export type RowCell = Cell | Float32Array;

/**
 * A source over row objects, for small tables, tests and requests; data of size comes as Arrow.
 *
 * @throws COLUMN_TYPE_MISMATCH when a column holds values of two types
 */
export function fromRows(name: string, rows: readonly Readonly<Record<string, RowCell>>[]): TableSource {
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
  const kinds = [...new Set(cells.filter((cell) => cell != null).map(kindOf))];
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

function kindOf(cell: RowCell): string {
  if (cell instanceof Float32Array) return "vector";
  return cell instanceof Date ? "Date" : typeof cell;
}
