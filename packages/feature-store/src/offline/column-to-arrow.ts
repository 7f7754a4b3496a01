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
  TimestampMicrosecond,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import type { ColumnData } from "./column-data.ts";

/** A record batch of columns that are in memory, each of `rows` values. */
export function toRecordBatch(columns: ReadonlyMap<string, ColumnData>, rows: number): RecordBatch {
  const children = [...columns.values()].map((column) => toData(column, rows));
  const schema = new Schema([...columns.keys()].map((name, i) => new Field(name, (children[i] as Data).type, true)));
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: rows, nullCount: 0, children }));
}

function toData(column: ColumnData, length: number): Data {
  const nulls = { length, ...nullsOf(column.valid) };
  switch (column.kind) {
    case "string": {
      const dictionary = vectorFromArray(column.dictionary, new Utf8());
      return makeData({ type: new Dictionary(new Utf8(), new Int32()), data: column.values, dictionary, ...nulls });
    }
    case "boolean":
      return makeData({ type: new Bool(), data: packBits(column.values), ...nulls });
    case "bigint":
      return makeData({ type: new Int64(), data: column.values, ...nulls });
    case "time":
      return makeData({
        type: new TimestampMicrosecond(column.naive ? null : "UTC"),
        data: integers(column.values),
        ...nulls,
      });
    case "number":
      return column.integer
        ? makeData({ type: new Int64(), data: integers(column.values), ...nulls })
        : makeData({ type: new Float64(), data: column.values, ...nulls });
  }
}

/** Whole doubles as 64-bit words, by halves: a bigint for each would take ten times as long. */
function integers(values: Float64Array): BigInt64Array {
  const words = new Int32Array(values.length * 2);
  for (let row = 0; row < values.length; row++) {
    const value = values[row] as number;
    const high = Math.floor(value / 4294967296);
    words[2 * row] = value - high * 4294967296;
    words[2 * row + 1] = high;
  }
  return new BigInt64Array(words.buffer);
}

function nullsOf(valid: Uint8Array | undefined): { nullCount: number; nullBitmap?: Uint8Array } {
  if (valid === undefined) return { nullCount: 0 };
  return { nullCount: valid.reduce((sum, byte) => sum + 1 - byte, 0), nullBitmap: packBits(valid) };
}

/** A bit for each byte that is 1, least significant first, padded to 64 bits. */
export function packBits(bytes: Uint8Array): Uint8Array {
  const bits = new Uint8Array(((bytes.length + 63) >> 6) << 3);
  for (let row = 0; row < bytes.length; row++) {
    if (bytes[row] === 1) bits[row >> 3] = (bits[row >> 3] as number) | (1 << (row & 7));
  }
  return bits;
}
