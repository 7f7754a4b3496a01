import {
  Bool,
  type Data,
  Dictionary,
  Field,
  Float32,
  Float64,
  Int32,
  Int64,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  TimestampMicrosecond,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import type { ColumnData } from "./column-data.ts";

const rowsPerBatch = 65_536;

/** Columns that are in memory, each of `rows` values, batch by batch as they are asked for. */
export function* recordBatches(columns: ReadonlyMap<string, ColumnData>, rows: number): Iterable<RecordBatch> {
  const makers = [...columns.values()].map(maker);
  let schema: Schema | undefined;
  for (let start = 0; start < rows || start === 0; start += rowsPerBatch) {
    const end = Math.min(rows, start + rowsPerBatch);
    const children = makers.map((make) => make(start, end));
    schema ??= new Schema([...columns.keys()].map((name, i) => new Field(name, (children[i] as Data).type, true)));
    const struct = new Struct(schema.fields);
    yield new RecordBatch(schema, makeData({ type: struct, length: end - start, nullCount: 0, children }));
  }
}

/** Makes the Arrow data of a column's rows `[start, end)`. The parts of one column are of one type and dictionary. */
function maker(column: ColumnData): (start: number, end: number) => Data {
  const nulls = (start: number, end: number): { length: number; nullCount: number; nullBitmap?: Uint8Array } => ({
    length: end - start,
    ...nullsOf(column.valid?.subarray(start, end)),
  });
  switch (column.kind) {
    case "string": {
      const type = new Dictionary(new Utf8(), new Int32());
      const dictionary = vectorFromArray(column.dictionary, new Utf8());
      return (start, end) =>
        makeData({ type, dictionary, data: column.values.subarray(start, end), ...nulls(start, end) });
    }
    case "vector":
      return (start, end) => vectorsToArrow(column.values.slice(start, end), column.valid?.subarray(start, end));
    case "boolean":
      return (start, end) =>
        makeData({ type: new Bool(), data: packBits(column.values.subarray(start, end)), ...nulls(start, end) });
    case "bigint":
      return (start, end) =>
        makeData({ type: new Int64(), data: column.values.subarray(start, end), ...nulls(start, end) });
    case "time": {
      const type = new TimestampMicrosecond(column.naive ? null : "UTC");
      return (start, end) =>
        makeData({ type, data: wholeWords(column.values.subarray(start, end)), ...nulls(start, end) });
    }
    case "number": {
      const { integer, values } = column;
      if (!integer)
        return (start, end) =>
          makeData({ type: new Float64(), data: values.subarray(start, end), ...nulls(start, end) });
      return (start, end) =>
        makeData({ type: new Int64(), data: wholeWords(values.subarray(start, end)), ...nulls(start, end) });
    }
  }
}

/** Whole doubles as 64-bit words, by halves: a bigint for each would take ten times as long. */
export function wholeWords(values: Float64Array): BigInt64Array {
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

/** Vectors of any lengths as an Arrow list of float32. */
function vectorsToArrow(values: readonly Float32Array[], valid: Uint8Array | undefined): Data {
  const valueOffsets = new Int32Array(values.length + 1);
  values.forEach((value, row) => (valueOffsets[row + 1] = (valueOffsets[row] as number) + value.length));
  const items = new Float32Array(valueOffsets[values.length] as number);
  values.forEach((value, row) => items.set(value, valueOffsets[row]));
  const child = makeData({ type: new Float32(), length: items.length, nullCount: 0, data: items });
  const type = new List(new Field("item", new Float32(), true));
  return makeData({ type, length: values.length, ...nullsOf(valid), valueOffsets, child });
}
