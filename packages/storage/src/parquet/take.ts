import { type Data, type FixedSizeList, Type } from "apache-arrow";
import { arrayOf, bitmapBytes, type Nulls } from "./array.ts";
import type { Numbers } from "./column.ts";

/** The given rows of an array, in this order, as an array of its own. */
export function takeData(data: Data, rows: Int32Array): Data {
  const nulls = takeNulls(data, rows);
  const parts = { type: data.type, length: rows.length, ...nulls };
  switch (data.typeId) {
    case Type.Bool:
      return arrayOf({ ...parts, data: takeBits(data.values as Uint8Array, data.offset, rows) });
    case Type.Utf8:
    case Type.LargeUtf8:
    case Type.Binary:
      return arrayOf({ ...parts, ...takeBytes(data, rows) });
    case Type.Struct:
      return arrayOf({ ...parts, children: data.children.map((child) => takeData(child, rows)) });
    case Type.List:
    case Type.Map: {
      const { valueOffsets, items } = itemsOf(data.valueOffsets, rows);
      return arrayOf({ ...parts, valueOffsets, children: [takeData(data.children[0] as Data, items)] });
    }
    case Type.FixedSizeList: {
      const { listSize } = data.type as FixedSizeList;
      const items = new Int32Array(rows.length * listSize);
      for (let i = 0; i < items.length; i++)
        items[i] = (rows[Math.floor(i / listSize)] ?? 0) * listSize + (i % listSize);
      return arrayOf({ ...parts, children: [takeData(data.children[0] as Data, items)] });
    }
    case Type.Decimal:
      return arrayOf({ ...parts, data: takeWords(data.values as Uint32Array, data.stride, rows) });
    default: {
      const dictionary = data.dictionary === undefined ? {} : { dictionary: data.dictionary };
      return arrayOf({ ...parts, data: takeNumbers(data.values as Numbers, rows), ...dictionary });
    }
  }
}

function takeNulls(data: Data, rows: Int32Array): Nulls {
  if (data.nullCount === 0) return { nullCount: 0 };
  const nullBitmap = takeBits(data.nullBitmap as Uint8Array, data.offset, rows);
  let valid = 0;
  for (const byte of nullBitmap) for (let bits = byte; bits > 0; bits &= bits - 1) valid += 1;
  return valid === rows.length ? { nullCount: 0 } : { nullCount: rows.length - valid, nullBitmap };
}

function takeBits(source: Uint8Array, offset: number, rows: Int32Array): Uint8Array {
  const bits = new Uint8Array(bitmapBytes(rows.length));
  for (let i = 0; i < rows.length; i++) {
    const at = offset + (rows[i] as number);
    if (((source[at >> 3] as number) >> (at & 7)) & 1) bits[i >> 3] = (bits[i >> 3] as number) | (1 << (i & 7));
  }
  return bits;
}

function takeNumbers(source: Numbers, rows: Int32Array): ArrayBufferView {
  // A 64-bit value is moved as two halves: reading it as a bigint would make an object of each.
  if (source.BYTES_PER_ELEMENT === 8 && source.byteOffset % 4 === 0) {
    const words = takeWords(new Uint32Array(source.buffer, source.byteOffset, source.length * 2), 2, rows);
    return new (source.constructor as new (buffer: ArrayBufferLike) => Numbers)(words.buffer);
  }
  const values = new (source.constructor as new (length: number) => Numbers)(rows.length);
  for (let i = 0; i < rows.length; i++) values[i] = source[rows[i] as number] as never;
  return values;
}

function takeWords(source: Uint32Array, width: number, rows: Int32Array): Uint32Array {
  const words = new Uint32Array(rows.length * width);
  for (let i = 0, to = 0; i < rows.length; i++) {
    const from = (rows[i] as number) * width;
    for (let word = 0; word < width; word++) words[to++] = source[from + word] as number;
  }
  return words;
}

function takeBytes(data: Data, rows: Int32Array): { data: Uint8Array; valueOffsets: Int32Array | BigInt64Array } {
  const source = data.values as Uint8Array;
  const offsets = data.valueOffsets as ArrayLike<number | bigint>;
  const valueOffsets = new Int32Array(rows.length + 1);
  let size = 0;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    size += Number(offsets[row + 1]) - Number(offsets[row]);
    valueOffsets[i + 1] = size;
  }
  const bytes = new Uint8Array(size);
  for (let i = 0; i < rows.length; i++) {
    const start = Number(offsets[rows[i] as number]);
    const to = valueOffsets[i] as number;
    const length = (valueOffsets[i + 1] as number) - to;
    if (length > 32) bytes.set(source.subarray(start, start + length), to);
    else for (let at = 0; at < length; at++) bytes[to + at] = source[start + at] as number;
  }
  const large = data.typeId === Type.LargeUtf8;
  return { data: bytes, valueOffsets: large ? BigInt64Array.from(valueOffsets, BigInt) : valueOffsets };
}

function itemsOf(offsets: Int32Array, rows: Int32Array): { valueOffsets: Int32Array; items: Int32Array } {
  const valueOffsets = new Int32Array(rows.length + 1);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    valueOffsets[i + 1] = (valueOffsets[i] as number) + (offsets[row + 1] as number) - (offsets[row] as number);
  }
  const items = new Int32Array(valueOffsets[rows.length] as number);
  let to = 0;
  for (const row of rows) {
    for (let item = offsets[row] as number; item < (offsets[row + 1] as number); item++) items[to++] = item;
  }
  return { valueOffsets, items };
}
