import { Data, type DataType, type Vector } from "apache-arrow";

/** The buffers of an Arrow array. */
export interface ArrayParts {
  readonly type: DataType;
  readonly length: number;
  readonly nullCount: number;
  /** Bit per row, 1 for a value. */
  readonly nullBitmap?: Uint8Array;
  /** Absent where the values stand in children. */
  readonly data?: ArrayBufferView;
  /** For strings, bytes, lists and maps. */
  readonly valueOffsets?: Int32Array | BigInt64Array;
  readonly children?: readonly Data[];
  readonly dictionary?: Vector;
}

/** An Arrow array from its buffers. */
export function arrayOf(parts: ArrayParts): Data {
  const buffers = [parts.valueOffsets, parts.data, parts.nullBitmap] as ConstructorParameters<typeof Data>[4];
  return new Data(parts.type, 0, parts.length, parts.nullCount, buffers, [...(parts.children ?? [])], parts.dictionary);
}

/** The nulls of a column, in the form of `ArrayParts`. */
export interface Nulls {
  readonly nullCount: number;
  readonly nullBitmap?: Uint8Array;
}

export function nullsOf(values: ArrayLike<unknown>): Nulls {
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
