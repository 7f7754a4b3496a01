import {
  type Data,
  type DateDay,
  DateUnit,
  type Field,
  type FixedSizeList,
  type RecordBatch,
  type Struct,
  TimeUnit,
  Type,
  type Vector,
} from "apache-arrow";
import type { TimestampMicrosecond } from "apache-arrow";
import { storageError } from "../errors.ts";
import { columnTypeOf } from "./arrow-type.ts";
import type { ColumnType, Value } from "./column-type.ts";
import { decimalAt } from "./decimal.ts";

export type Numbers = Int8Array | Int16Array | Int32Array | BigInt64Array | Float32Array | Float64Array;

/** One column of a record batch, read without Arrow's conversions: int64, timestamps and decimals stay exact. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly length: number;
  readonly nullCount: number;
  isNull(row: number): boolean;
  /** Null for a null. */
  get(row: number): Value | null;
  /** The values of a fixed-width column, of exactly `length`; what stands at a null is arbitrary. */
  readonly numbers?: Numbers;
  /** For a dictionary-encoded column: a code per row, equal codes for equal values. */
  readonly codes?: ArrayLike<number>;
  /** The Arrow array. */
  readonly data: Data;
}

/** The columns of a batch. @throws TYPE_UNSUPPORTED, VALUE_INVALID for a time that is none in microseconds */
export function columnsOf(batch: RecordBatch): Column[] {
  return batch.schema.fields.map((field, index) => columnOf(field, batch.data.children[index] as Data));
}

/** A column by its Arrow field and data. @throws TYPE_UNSUPPORTED, VALUE_INVALID */
export function columnOf(field: Field, data: Data): Column {
  const values = valuesOf(data);
  return {
    name: field.name,
    type: columnTypeOf(field),
    length: data.length,
    nullCount: data.nullCount,
    isNull: nullTest(data),
    get: readerOf(data, values),
    data,
    ...(values.numbers === undefined ? {} : { numbers: values.numbers }),
    ...(values.codes === undefined ? {} : { codes: values.codes }),
  };
}

function nullTest(data: Data): (row: number) => boolean {
  const { nullBitmap, offset } = data;
  if (data.nullCount === 0 || nullBitmap === undefined) return () => false;
  return (row) => (((nullBitmap[(offset + row) >> 3] ?? 0) >> ((offset + row) & 7)) & 1) === 0;
}

function readerOf(data: Data, values: Values): (row: number) => Value | null {
  if (data.nullCount === 0) return values.get;
  const isNull = nullTest(data);
  return (row) => (isNull(row) ? null : values.get(row));
}

interface Values {
  get(this: void, row: number): Value;
  readonly numbers?: Numbers;
  readonly codes?: ArrayLike<number>;
}

function valuesOf(data: Data): Values {
  switch (data.typeId) {
    case Type.Bool:
      return booleans(data);
    case Type.Utf8:
    case Type.LargeUtf8:
      return strings(data);
    case Type.Binary:
      return binaries(data);
    case Type.Decimal: {
      const words = data.values as Uint32Array;
      return { get: (row) => decimalAt(words, row) };
    }
    case Type.Dictionary:
      return dictionary(data);
    case Type.Struct:
      return structs(data);
    case Type.List:
      return lists(data, (row) => data.valueOffsets[row] as number);
    case Type.FixedSizeList:
      return lists(data, (row) => row * (data.type as FixedSizeList).listSize);
    case Type.Map:
      return maps(data);
    case Type.Timestamp:
      return fixed(inMicroseconds(data, (data.type as TimestampMicrosecond).unit));
    case Type.Date:
      if ((data.type as DateDay).unit === (DateUnit.DAY as number)) return fixed(data.values as Int32Array);
      return fixed(inMicroseconds(data, TimeUnit.MILLISECOND));
    default:
      return fixed(data.values as Numbers);
  }
}

const childReader = (child: Data): ((row: number) => Value | null) => readerOf(child, valuesOf(child));

function structs(data: Data): Values {
  const fields = (data.type as Struct).children.map((field, index) => {
    return [field.name, childReader(data.children[index] as Data)] as const;
  });
  return { get: (row) => Object.fromEntries(fields.map(([name, read]) => [name, read(row)])) };
}

function lists(data: Data, startOf: (row: number) => number): Values {
  const item = childReader(data.children[0] as Data);
  return {
    get(row) {
      const start = startOf(row);
      return Array.from({ length: startOf(row + 1) - start }, (_, i) => item(start + i));
    },
  };
}

function maps(data: Data): Values {
  const [keys, values] = (data.children[0] as Data).children as [Data, Data];
  const [key, value] = [childReader(keys), childReader(values)];
  const offsets = data.valueOffsets;
  return {
    get(row) {
      const start = offsets[row] as number;
      const length = (offsets[row + 1] as number) - start;
      return Array.from({ length }, (_, i) => [key(start + i), value(start + i)]);
    },
  };
}

function fixed(numbers: Numbers): Values {
  return { numbers, get: (row) => numbers[row] as number | bigint };
}

function booleans({ values, offset }: Data): Values {
  const bits = values as Uint8Array;
  return { get: (row) => (((bits[(offset + row) >> 3] ?? 0) >> ((offset + row) & 7)) & 1) === 1 };
}

/** @throws VALUE_INVALID */
function inMicroseconds(data: Data, unit: number): BigInt64Array {
  const values = data.values as BigInt64Array;
  if (unit === (TimeUnit.MICROSECOND as number)) return values;
  const factor = unit === (TimeUnit.SECOND as number) ? 1_000_000n : 1000n;
  const [least, most] = [-(2n ** 63n) / factor, (2n ** 63n - 1n) / factor];
  const isNull = nullTest(data);
  return BigInt64Array.from(values, (value, row) => {
    if ((value >= least && value <= most) || isNull(row)) return value * factor;
    const rule = `it goes from ${least} to ${most} in this unit, as microseconds in 64 bits do`;
    throw storageError("VALUE_INVALID", { type: String(data.type), value: String(value), rule });
  });
}

function strings(data: Data): Values {
  const bytes = data.values as Uint8Array;
  const offsets = data.valueOffsets as Int32Array | BigInt64Array;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const short = new Map<number, string>();
  return {
    get(row) {
      const start = Number(offsets[row]);
      const end = Number(offsets[row + 1]);
      if (end - start > 6) return text.toString("utf8", start, end);
      // Short strings repeat (codes, months): they are decoded once, known by their bytes and length.
      let key = end - start;
      for (let i = start; i < end; i++) key = key * 256 + (bytes[i] ?? 0);
      let known = short.get(key);
      if (known === undefined) {
        known = text.toString("utf8", start, end);
        if (short.size < 4096) short.set(key, known);
      }
      return known;
    },
  };
}

function binaries(data: Data): Values {
  const bytes = data.values as Uint8Array;
  const offsets = data.valueOffsets as Int32Array;
  return { get: (row) => bytes.subarray(offsets[row], offsets[row + 1]) };
}

function dictionary(data: Data): Values {
  const codes = data.values as Int32Array;
  const entries = (data.dictionary as Vector).data.flatMap((part) => {
    const read = childReader(part);
    return Array.from({ length: part.length }, (_, row) => read(row) ?? "");
  });
  return { codes, get: (row) => entries[codes[row] ?? 0] as Value };
}
