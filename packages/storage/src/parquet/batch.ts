import {
  Data,
  type DataType,
  type Field,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Type,
  type Vector,
} from "apache-arrow";
import { arrowTypeOf, columnTypeOf, type ColumnType, type Scalar } from "./column-type.ts";
import { columnOf, type Numbers } from "./column.ts";

/** A batch of columns that are all `rows` long. */
export function batchOf(schema: Schema, columns: readonly Data[], rows: number): RecordBatch {
  const type = new Struct(schema.fields);
  return new RecordBatch(schema, makeData({ type, length: rows, nullCount: 0, children: [...columns] }));
}

export interface ArrayParts {
  readonly type: DataType;
  readonly length: number;
  readonly nullCount: number;
  /** Bit per row, 1 for a value. */
  readonly nullBitmap?: Uint8Array;
  readonly data: ArrayBufferView;
  /** For strings and bytes. */
  readonly valueOffsets?: Int32Array;
  readonly dictionary?: Vector;
}

/** An Arrow array from its buffers. */
export function arrayOf(parts: ArrayParts): Data {
  const buffers = [parts.valueOffsets, parts.data, parts.nullBitmap] as ConstructorParameters<typeof Data>[4];
  return new Data(parts.type, 0, parts.length, parts.nullCount, buffers, [], parts.dictionary);
}

/** One column from plain values; null and undefined are nulls. Timestamps are microseconds, dates days. */
export function dataOf(type: ColumnType, values: ArrayLike<Scalar | null | undefined>): Data {
  const nulls = nullsOf(values);
  if (type === "string" || type === "binary") return bytesData(type, values, nulls);
  const arrow = arrowTypeOf(type);
  const data = type === "boolean" ? bitsOf(values) : numbersOf(type, values);
  return arrayOf({ type: arrow, length: values.length, data, ...nulls });
}

/** A column in which every row has the same value. */
export function constantData(type: ColumnType, value: Scalar | null, rows: number): Data {
  return dataOf(
    type,
    Array.from({ length: rows }, () => value),
  );
}

interface Nulls {
  readonly nullCount: number;
  readonly nullBitmap?: Uint8Array;
}

function nullsOf(values: ArrayLike<unknown>): Nulls {
  if (ArrayBuffer.isView(values)) return { nullCount: 0 };
  const nullBitmap = new Uint8Array(bitmapBytes(values.length));
  let nullCount = 0;
  for (let row = 0; row < values.length; row++) {
    if (values[row] === null || values[row] === undefined) nullCount += 1;
    else nullBitmap[row >> 3] = (nullBitmap[row >> 3] ?? 0) | (1 << (row & 7));
  }
  return nullCount === 0 ? { nullCount } : { nullCount, nullBitmap };
}

/** Arrow pads validity bitmaps to eight bytes. */
export function bitmapBytes(rows: number): number {
  return Math.ceil(rows / 64) * 8;
}

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
    case "boolean":
    case "string":
    case "binary":
      throw new TypeError(`a ${type} column has no numbers`);
  }
}

function numbersOf(type: ColumnType, values: ArrayLike<Scalar | null | undefined>): Numbers {
  const numbers = numbersFor(type, values.length);
  if (ArrayBuffer.isView(values) && values.constructor === numbers.constructor) return values as Numbers;
  if (numbers instanceof BigInt64Array) {
    for (let row = 0; row < values.length; row++) numbers[row] = BigInt((values[row] ?? 0n) as bigint | number);
  } else {
    for (let row = 0; row < values.length; row++) numbers[row] = Number(values[row] ?? 0);
  }
  return numbers;
}

const utf8 = new TextEncoder();

function bytesData(type: "string" | "binary", values: ArrayLike<Scalar | null | undefined>, nulls: Nulls): Data {
  const parts = Array.from(values, (value) => {
    if (value === null || value === undefined) return undefined;
    return typeof value === "string" ? utf8.encode(value) : (value as Uint8Array);
  });
  const valueOffsets = new Int32Array(values.length + 1);
  for (const [row, part] of parts.entries()) valueOffsets[row + 1] = (valueOffsets[row] ?? 0) + (part?.byteLength ?? 0);
  const data = new Uint8Array(valueOffsets[values.length] ?? 0);
  for (const [row, part] of parts.entries()) if (part !== undefined) data.set(part, valueOffsets[row]);
  const length = values.length;
  return arrayOf({ type: arrowTypeOf(type), length, data, valueOffsets, ...nulls });
}

/** The given rows of a batch, in this order. A run of neighbours is a view; anything else is copied. */
export function takeRows(batch: RecordBatch, rows: Int32Array): RecordBatch {
  const first = rows[0] ?? 0;
  if (rows.length > 0 && rows[rows.length - 1] === first + rows.length - 1 && isRun(rows)) {
    return rows.length === batch.numRows ? batch : batch.slice(first, first + rows.length);
  }
  const taken = batch.schema.fields.map((field, i) => takeColumn(field, batch.data.children[i] as Data, rows));
  const fields = batch.schema.fields.map((field, i) =>
    (taken[i] as Data).type === field.type ? field : field.clone({ type: (taken[i] as Data).type }),
  );
  return batchOf(new Schema(fields, batch.schema.metadata), taken, rows.length);
}

function isRun(rows: Int32Array): boolean {
  for (let i = 1; i < rows.length; i++) if (rows[i] !== (rows[i - 1] ?? 0) + 1) return false;
  return true;
}

function takeColumn(field: Field, data: Data, rows: Int32Array): Data {
  const source = data.values as Numbers | undefined;
  const gathers = data.typeId !== Type.Bool && data.valueOffsets === undefined && source !== undefined;
  if (!gathers) {
    const column = columnOf(field, data);
    return dataOf(
      columnTypeOf(field),
      Array.from(rows, (row) => column.get(row)),
    );
  }
  const values = new (source.constructor as new (length: number) => Numbers)(rows.length);
  for (let i = 0; i < rows.length; i++) values[i] = source[rows[i] ?? 0] as never;
  const nulls =
    data.nullCount === 0 ? { nullCount: 0 } : nullsOf(Array.from(rows, (row) => (data.getValid(row) ? row : null)));
  const dictionary = data.dictionary === undefined ? {} : { dictionary: data.dictionary };
  return arrayOf({ type: data.type, length: rows.length, data: values, ...nulls, ...dictionary });
}
