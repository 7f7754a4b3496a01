import {
  Bool,
  type Data,
  Field,
  Float32,
  Int32,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  TimestampMicrosecond,
  Utf8,
  type Vector,
  vectorFromArray,
} from "apache-arrow";
import { landedAt, lateAfterMinutes } from "./landing.ts";

const utc = new TimestampMicrosecond("UTC");

/** The table of flights: what the source has, and what follows from it. */
export const flightSchema: Schema = new Schema([
  new Field("flight", new Int32(), false),
  new Field("date", utc, false),
  new Field("delay", new Int32(), false),
  new Field("distance", new Int32(), false),
  new Field("origin", new Utf8(), false),
  new Field("destination", new Utf8(), false),
  new Field("landed_at", utc, false),
  new Field("late", new Bool(), false),
  new Field("month", new Utf8(), false),
]);

/**
 * A batch of the source as a batch of the table. The source's times have no zone; they are taken as UTC. Its flights have
 * no names: they are numbered from `first` on, in the order of the source.
 */
export function toFlights(batch: RecordBatch, first: number): RecordBatch {
  const rows = batch.numRows;
  const column = (name: string): BigInt64Array => batch.getChild(name)?.toArray() as BigInt64Array;
  const [date, delay, distance] = [column("date"), column("delay"), column("distance")];

  const delays = Int32Array.from(delay, Number);
  const distances = Int32Array.from(distance, Number);
  const landings = new BigInt64Array(rows);
  const late = new Uint8Array(Math.ceil(rows / 64) * 8);
  const months: string[] = [];
  for (let row = 0; row < rows; row++) {
    const time = Number(date[row]);
    landings[row] = BigInt(landedAt(time, delays[row] ?? 0, distances[row] ?? 0));
    if ((delays[row] ?? 0) > lateAfterMinutes) late[row >> 3] = (late[row >> 3] ?? 0) | (1 << (row & 7));
    months.push(monthOf(time));
  }
  const child = (name: string): Data => batch.getChild(name)?.data[0] as Data;
  return batchOf(flightSchema, rows, [
    makeData({ type: new Int32(), length: rows, data: Int32Array.from({ length: rows }, (_, row) => first + row) }),
    makeData({ type: utc, length: rows, data: date }),
    makeData({ type: new Int32(), length: rows, data: delays }),
    makeData({ type: new Int32(), length: rows, data: distances }),
    child("origin"),
    child("destination"),
    makeData({ type: utc, length: rows, data: landings }),
    makeData({ type: new Bool(), length: rows, data: late }),
    vectorFromArray(months, new Utf8()).data[0] as Data,
  ]);
}

/** Takes `wanted` of `total` rows, evenly over everything: it counts across batches. */
export function evenSample(total: number, wanted: number): (batch: RecordBatch) => RecordBatch {
  let seen = 0;
  return (batch) => {
    const taken: number[] = [];
    for (let row = 0; row < batch.numRows; row++) {
      const at = seen + row;
      if (Math.floor(((at + 1) * wanted) / total) > Math.floor((at * wanted) / total)) taken.push(row);
    }
    seen += batch.numRows;
    return taken.length === batch.numRows ? batch : takeRows(batch, taken);
  };
}

/** The named rows of a batch, in their order. */
function takeRows(batch: RecordBatch, rows: readonly number[]): RecordBatch {
  const columns = batch.schema.fields.map(({ name, type }) => {
    const vector = batch.getChild(name) as Vector;
    const values: unknown = vector.nullCount === 0 ? vector.toArray() : undefined;
    const data = pick(values, rows);
    if (data !== undefined) return makeData({ type, length: rows.length, data } as Parameters<typeof makeData>[0]);
    const picked = rows.map((row) => vector.get(row) as unknown);
    return vectorFromArray(picked, type).data[0] as Data;
  });
  return batchOf(batch.schema, rows.length, columns);
}

/** The named elements of an array of numbers; undefined for anything else. */
function pick(values: unknown, rows: readonly number[]): Float32Array | Int32Array | BigInt64Array | undefined {
  if (values instanceof Float32Array) return Float32Array.from(rows, (row) => values[row] as number);
  if (values instanceof Int32Array) return Int32Array.from(rows, (row) => values[row] as number);
  if (values instanceof BigInt64Array) return BigInt64Array.from(rows, (row) => values[row] as bigint);
  return undefined;
}

/** The features of a training set as plain float32 columns, in which NaN is missing, beside the columns in `keep`. */
export function densify(batch: RecordBatch, features: readonly string[], keep: readonly string[]): RecordBatch {
  const rows = batch.numRows;
  const kept = keep.map((name) => batch.schema.fields.find((field) => field.name === name) as Field);
  const fields = [...kept, ...features.map((name) => new Field(name, new Float32(), false))];
  const columns = [
    ...keep.map((name) => batch.getChild(name)?.data[0] as Data),
    ...features.map((name) => makeData({ type: new Float32(), length: rows, data: denseColumn(batch, name) })),
  ];
  return batchOf(new Schema(fields), rows, columns);
}

function denseColumn(batch: RecordBatch, name: string): Float32Array {
  const vector = batch.getChild(name);
  const values = Float32Array.from(vector?.toArray() as ArrayLike<number>);
  if (vector === null || vector.nullCount === 0) return values;
  for (let row = 0; row < values.length; row++) if (!vector.isValid(row)) values[row] = Number.NaN;
  return values;
}

function batchOf(schema: Schema, length: number, children: readonly Data[]): RecordBatch {
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length, nullCount: 0, children: [...children] }),
  );
}

const dayUs = 86_400_000_000;
const monthByDay = new Map<number, string>();

function monthOf(timeUs: number): string {
  const day = Math.floor(timeUs / dayUs);
  let month = monthByDay.get(day);
  if (month === undefined) {
    month = new Date(day * 86_400_000).toISOString().slice(0, 7);
    monthByDay.set(day, month);
  }
  return month;
}
