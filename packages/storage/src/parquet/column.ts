import {
  type Data,
  type DateDay,
  DateUnit,
  type Field,
  type RecordBatch,
  TimeUnit,
  Type,
  type Vector,
} from "apache-arrow";
import type { TimestampMicrosecond } from "apache-arrow";
import { columnTypeOf, type ColumnType, type Scalar } from "./column-type.ts";

export type Numbers = Int8Array | Int16Array | Int32Array | BigInt64Array | Float32Array | Float64Array;

/** One column of a record batch, read without Arrow's conversions: int64 and timestamps stay exact. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly length: number;
  readonly nullCount: number;
  isNull(row: number): boolean;
  /** Null for a null. */
  get(row: number): Scalar | null;
  /** The values of a fixed-width column, of exactly `length`; what stands at a null is arbitrary. */
  readonly numbers?: Numbers;
  /** For a dictionary-encoded column: a code per row, equal codes for equal values. */
  readonly codes?: ArrayLike<number>;
}

/** The columns of a batch. @throws TYPE_UNSUPPORTED */
export function columnsOf(batch: RecordBatch): Column[] {
  return batch.schema.fields.map((field, index) => columnOf(field, batch.data.children[index] as Data));
}

/** A column by its Arrow field and data. @throws TYPE_UNSUPPORTED */
export function columnOf(field: Field, data: Data): Column {
  const type = columnTypeOf(field);
  const nullCount = data.nullCount;
  const isNull = nullCount === 0 ? () => false : (row: number) => !data.getValid(row);
  const values = valuesOf(data);
  return {
    name: field.name,
    type,
    length: data.length,
    nullCount,
    isNull,
    get: (row) => (isNull(row) ? null : values.get(row)),
    ...(values.numbers === undefined ? {} : { numbers: values.numbers }),
    ...(values.codes === undefined ? {} : { codes: values.codes }),
  };
}

interface Values {
  get(row: number): Scalar;
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
    case Type.Dictionary:
      return dictionary(data);
    case Type.Timestamp:
      return fixed(inMicroseconds(data, (data.type as TimestampMicrosecond).unit));
    case Type.Date:
      if ((data.type as DateDay).unit === (DateUnit.DAY as number)) return fixed(data.values as Int32Array);
      return fixed(inMicroseconds(data, TimeUnit.MILLISECOND));
    default:
      return fixed(data.values as Numbers);
  }
}

function fixed(numbers: Numbers): Values {
  return { numbers, get: (row) => numbers[row] as number | bigint };
}

function booleans({ values, offset }: Data): Values {
  const bits = values as Uint8Array;
  return { get: (row) => (((bits[(offset + row) >> 3] ?? 0) >> ((offset + row) & 7)) & 1) === 1 };
}

function inMicroseconds(data: Data, unit: number): BigInt64Array {
  const values = data.values as BigInt64Array;
  if (unit === (TimeUnit.MICROSECOND as number)) return values;
  const factor = unit === (TimeUnit.SECOND as number) ? 1_000_000n : 1000n;
  return BigInt64Array.from(values, (value) => value * factor);
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
    const values = valuesOf(part);
    return Array.from({ length: part.length }, (_, row) => (part.getValid(row) ? values.get(row) : ""));
  });
  return { codes, get: (row) => entries[codes[row] ?? 0] as Scalar };
}
