import type { Data, DataType, Struct } from "apache-arrow";
import { storageError } from "../errors.ts";
import { arrowTypeOf } from "./arrow-type.ts";
import { arrayOf, bitmapBytes, type Nulls, nullsOf } from "./array.ts";
import {
  type ColumnType,
  decimalOf,
  isNested,
  type MapType,
  type NestedType,
  type PrimitiveType,
  type StructType,
  typeText,
  type Value,
} from "./column-type.ts";
import type { Numbers } from "./column.ts";
import { decimalWords } from "./decimal.ts";
import { brokenRule } from "./value-rule.ts";

/** Plain values of one column; undefined counts as null. */
export type PlainValues = ArrayLike<Value | null | undefined>;

/** One column from plain values. @throws VALUE_INVALID */
export function dataOf(type: ColumnType, values: PlainValues): Data {
  const nulls = nullsOf(values);
  const arrow = arrowTypeOf(type);
  if (isNested(type)) return nestedData(type, arrow, values, nulls);
  const decimal = decimalOf(type);
  if (decimal !== undefined) {
    return arrayOf({ type: arrow, length: values.length, data: decimalWords(decimal, values), ...nulls });
  }
  const primitive = type as PrimitiveType;
  if (!isArrayOf(primitive, values)) assertValues(primitive, values);
  if (type === "string" || type === "binary") return bytesData(arrow, values, nulls);
  const data = type === "boolean" ? bitsOf(values) : numbersOf(primitive, values);
  return arrayOf({ type: arrow, length: values.length, data, ...nulls });
}

/** A column in which every row has the same value. */
export function constantData(type: ColumnType, value: Value | null, rows: number): Data {
  return dataOf(
    type,
    Array.from({ length: rows }, () => value),
  );
}

/** @throws VALUE_INVALID */
function assertValues(type: PrimitiveType, values: PlainValues): void {
  for (let row = 0; row < values.length; row++) {
    const value = values[row] ?? null;
    const rule = value === null ? undefined : brokenRule(type, value);
    if (rule !== undefined) throw invalid(type, value, rule);
  }
}

/** Whether the values stand in an array as the column has them. */
const isArrayOf = (type: PrimitiveType, values: PlainValues): values is Numbers =>
  ArrayBuffer.isView(values) && hasNumbers(type) && values.constructor === numbersFor(type, 0).constructor;

const hasNumbers = (type: PrimitiveType): boolean => type !== "boolean" && type !== "string" && type !== "binary";

function bitsOf(values: ArrayLike<unknown>): Uint8Array {
  const bits = new Uint8Array(bitmapBytes(values.length));
  for (let row = 0; row < values.length; row++) {
    if (values[row] === true) bits[row >> 3] = (bits[row >> 3] ?? 0) | (1 << (row & 7));
  }
  return bits;
}

/** An empty array of the kind that holds a fixed-width column. */
export function numbersFor(type: ColumnType, rows: number): Numbers {
  switch (type) {
    case "byte":
      return new Int8Array(rows);
    case "short":
      return new Int16Array(rows);
    case "integer":
    case "date":
      return new Int32Array(rows);
    case "float":
      return new Float32Array(rows);
    case "double":
      return new Float64Array(rows);
    case "long":
    case "timestamp":
    case "timestamp_ntz":
      return new BigInt64Array(rows);
    default:
      throw new TypeError(`a ${typeText(type)} column has no numbers`);
  }
}

function numbersOf(type: PrimitiveType, values: PlainValues): Numbers {
  if (isArrayOf(type, values)) return values;
  const numbers = numbersFor(type, values.length);
  if (numbers instanceof BigInt64Array) {
    for (let row = 0; row < values.length; row++) numbers[row] = BigInt((values[row] ?? 0n) as bigint | number);
  } else {
    for (let row = 0; row < values.length; row++) numbers[row] = Number(values[row] ?? 0);
  }
  return numbers;
}

const utf8 = new TextEncoder();

function bytesData(arrow: DataType, values: PlainValues, nulls: Nulls): Data {
  const parts = Array.from(values, (value) => {
    if (value === null || value === undefined) return undefined;
    return typeof value === "string" ? utf8.encode(value) : (value as Uint8Array);
  });
  const valueOffsets = new Int32Array(values.length + 1);
  for (const [row, part] of parts.entries()) valueOffsets[row + 1] = (valueOffsets[row] ?? 0) + (part?.byteLength ?? 0);
  const data = new Uint8Array(valueOffsets[values.length] ?? 0);
  for (const [row, part] of parts.entries()) if (part !== undefined) data.set(part, valueOffsets[row]);
  return arrayOf({ type: arrow, length: values.length, data, valueOffsets, ...nulls });
}

function nestedData(type: NestedType, arrow: DataType, values: PlainValues, nulls: Nulls): Data {
  switch (type.type) {
    case "struct":
      return structData(type, arrow, values, nulls);
    case "array": {
      const { valueOffsets, items } = flattened(type, values);
      return arrayOf({
        type: arrow,
        length: values.length,
        valueOffsets,
        children: [dataOf(type.elementType, items)],
        ...nulls,
      });
    }
    case "map":
      return mapData(type, arrow, values, nulls);
  }
}

function structData(type: StructType, arrow: DataType, values: PlainValues, nulls: Nulls): Data {
  const children = type.fields.map(({ name, type: own }) => {
    const field = Array.from(values, (value) => {
      if (value === null || value === undefined) return null;
      if (typeof value !== "object" || Array.isArray(value)) throw invalid(type, value, "it must be an object");
      return (value as Readonly<Record<string, Value | null>>)[name] ?? null;
    });
    return dataOf(own, field);
  });
  return arrayOf({ type: arrow, length: values.length, children, ...nulls });
}

function mapData(type: MapType, arrow: DataType, values: PlainValues, nulls: Nulls): Data {
  const { valueOffsets, items } = flattened(type, values);
  const pairs = items.map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2)
      throw invalid(type, pair, "it must be an array of [key, value] pairs");
    if (pair[0] === null || pair[0] === undefined) throw invalid(type, pair, "a key must not be null");
    return pair as [Value, Value | null];
  });
  const keys = dataOf(
    type.keyType,
    pairs.map(([key]) => key),
  );
  const entries = arrayOf({
    type: (arrow.children[0] as { readonly type: Struct }).type,
    length: pairs.length,
    nullCount: 0,
    children: [
      keys,
      dataOf(
        type.valueType,
        pairs.map(([, value]) => value),
      ),
    ],
  });
  return arrayOf({ type: arrow, length: values.length, valueOffsets, children: [entries], ...nulls });
}

function flattened(type: NestedType, values: PlainValues): { valueOffsets: Int32Array; items: (Value | null)[] } {
  const valueOffsets = new Int32Array(values.length + 1);
  const items: (Value | null)[] = [];
  for (let row = 0; row < values.length; row++) {
    const value = values[row] ?? null;
    if (value !== null) {
      if (!Array.isArray(value)) throw invalid(type, value, "it must be an array");
      for (const item of value as readonly (Value | null)[]) items.push(item);
    }
    valueOffsets[row + 1] = items.length;
  }
  return { valueOffsets, items };
}

function invalid(type: ColumnType, value: unknown, rule: string): Error {
  return storageError("VALUE_INVALID", { type: typeText(type), value: `${String(value)} (${typeof value})`, rule });
}
