import {
  type DataType,
  Field,
  Float64,
  Int32,
  Int64,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimestampMicrosecond,
  Utf8,
  makeData,
  vectorFromArray,
} from "apache-arrow";

type Cell = string | number | bigint | null;

const types: Readonly<Record<string, () => DataType>> = {
  string: () => new Utf8(),
  int32: () => new Int32(),
  int64: () => new Int64(),
  float64: () => new Float64(),
  timestamp: () => new TimestampMicrosecond("UTC"),
  naive: () => new TimestampMicrosecond(null),
};

/**
 * A small Arrow table for a test: `arrowTable({ at: ["timestamp", [0n, null]] })`. Types are string, int32, int64, float64,
 * timestamp (UTC) and naive (no zone); times are epoch microseconds.
 */
export function arrowTable(columns: Readonly<Record<string, readonly [keyof typeof types, readonly Cell[]]>>): Table {
  const vectors = Object.entries(columns).map(([name, [kind, cells]]) => {
    const type = (types[kind] as () => DataType)();
    return { field: new Field(name, type, true), data: build(type, kind, cells), length: cells.length };
  });
  const schema = new Schema(vectors.map(({ field }) => field));
  const length = vectors[0]?.length ?? 0;
  const struct = makeData({
    type: new Struct(schema.fields),
    length,
    nullCount: 0,
    children: vectors.map(({ data }) => data),
  });
  return new Table([new RecordBatch(schema, struct)]);
}

function build(type: DataType, kind: string, cells: readonly Cell[]): ReturnType<typeof makeData> {
  if (kind !== "timestamp" && kind !== "naive")
    return vectorFromArray([...cells], type).data[0] as ReturnType<typeof makeData>;
  // Arrow's builder takes timestamps as milliseconds in a double; the raw words keep every microsecond.
  const data = BigInt64Array.from(cells, (cell) => BigInt(cell ?? 0));
  const nullBitmap = new Uint8Array(((cells.length + 63) >> 6) << 3);
  let nullCount = 0;
  cells.forEach((cell, i) => {
    if (cell === null) nullCount++;
    else nullBitmap[i >> 3] = (nullBitmap[i >> 3] as number) | (1 << (i & 7));
  });
  return makeData({ type: type as TimestampMicrosecond, length: cells.length, nullCount, nullBitmap, data });
}
