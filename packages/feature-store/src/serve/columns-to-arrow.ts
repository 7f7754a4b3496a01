import {
  Bool,
  type Data,
  Dictionary,
  Field,
  Float64,
  Int32,
  Int64,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableToIPC,
  TimestampMicrosecond,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import type { Value, ValueType } from "../define/value-type.ts";
import { packBits } from "../offline/column-to-arrow.ts";
import { FeatureColumn } from "../offline/feature-column.ts";
import { type OnlineColumn, type OnlineColumns, readingStatuses, statusCode } from "./online-columns.ts";
import { ageColumn, statusColumn } from "./reading-columns.ts";

/** A read as an Arrow IPC stream of a row per entity: of each feature its value, its status and its age. */
export function columnsToArrow(columns: OnlineColumns): Uint8Array {
  const { length, names } = columns;
  const fields: Field[] = [];
  const children: Data[] = [];
  const add = (name: string, data: Data): void => {
    fields.push(new Field(name, data.type, true));
    children.push(data);
  };
  const statuses = vectorFromArray(readingStatuses, new Utf8());
  // One for all: readers get its words once.
  const type = new Dictionary(new Utf8(), new Int32());
  const ages = new Map<Float64Array, Data>();
  for (const name of names) {
    const column = columns.column(name);
    add(name, valuesOf(name, column, length));
    add(
      statusColumn(name),
      makeData({ type, dictionary: statuses, data: Int32Array.from(column.statuses), length, nullCount: 0 }),
    );
    const age = ages.get(column.ageMs) ?? agesOf(column.ageMs);
    ages.set(column.ageMs, age);
    add(ageColumn(name), age);
  }
  const struct = makeData({ type: new Struct(fields), length, nullCount: 0, children });
  return tableToIPC(new Table([new RecordBatch(new Schema(fields), struct)]), "stream");
}

function agesOf(ageMs: Float64Array): Data {
  return makeData({
    type: new Float64(),
    data: ageMs,
    length: ageMs.length,
    ...nulls(ageMs, (age) => !Number.isNaN(age)),
  });
}

function valuesOf(name: string, { type, values, statuses }: OnlineColumn, length: number): Data {
  const shared = { length, ...nulls(statuses, (status) => status === statusCode.PRESENT) };
  switch (type as ValueType) {
    case "float64":
      return makeData({ type: new Float64(), data: values as Float64Array, ...shared });
    case "int32":
      return makeData({ type: new Int32(), data: values as Int32Array, ...shared });
    case "int64":
      return makeData({ type: new Int64(), data: values as BigInt64Array, ...shared });
    case "timestamp":
      return makeData({ type: new TimestampMicrosecond("UTC"), data: values as BigInt64Array, ...shared });
    case "boolean":
      return makeData({ type: new Bool(), data: packBits(values as Uint8Array), ...shared });
    default:
      return oneByOne(name, type, values as readonly (Value | null)[]);
  }
}

function oneByOne(name: string, type: ValueType, values: readonly (Value | null)[]): Data {
  const column = new FeatureColumn(name, type, values.length);
  values.forEach((value, row) => {
    if (value !== null) column.set(row, value);
  });
  return column.toArrow();
}

function nulls(
  of: Float64Array | Uint8Array,
  isThere: (each: number) => boolean,
): { nullCount: number; nullBitmap?: Uint8Array } {
  const valid = Uint8Array.from(of, (each) => (isThere(each) ? 1 : 0));
  const nullCount = valid.reduce((sum, bit) => sum + 1 - bit, 0);
  return nullCount === 0 ? { nullCount } : { nullCount, nullBitmap: packBits(valid) };
}
