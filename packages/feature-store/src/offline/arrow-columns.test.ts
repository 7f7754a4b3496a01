import {
  Bool,
  DateDay,
  Dictionary,
  Float64,
  Int32,
  Int64,
  LargeUtf8,
  makeData,
  type RecordBatch,
  Table,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  Utf8,
  Vector,
  vectorFromArray,
} from "apache-arrow";
import { describe, expect, it } from "vitest";
import { arrow, column, createFeatureStore, entity, featureView, fromBatches } from "../index.ts";
import { readColumn } from "./arrow-columns.ts";
import { duckdb } from "./duckdb.ts";

const times = (type: TimestampMicrosecond | TimestampMillisecond | TimestampNanosecond, ...values: bigint[]): Vector =>
  new Vector([makeData({ type, length: values.length, nullCount: 0, data: BigInt64Array.from(values) })]);
const texts = (type: Utf8 | LargeUtf8 | Dictionary, ...values: (string | null)[]): Vector =>
  vectorFromArray(values, type);
const batchOf = (columns: Readonly<Record<string, Vector>>): RecordBatch =>
  new Table(columns).batches[0] as RecordBatch;
const read = (...vectors: Vector[]) =>
  readColumn(
    vectors.map((x) => batchOf({ x })),
    "x",
    "t",
  );
const dictionary = (): Dictionary => new Dictionary(new Utf8(), new Int32());
const beyond = 2n ** 60n;

describe("a column whose batches are of several types", () => {
  it("has text by itself and by dictionaries", () => {
    const data = read(
      texts(new Utf8(), "a", null),
      texts(dictionary(), "b", "a"),
      texts(new LargeUtf8(), "c"),
      texts(new Dictionary(new LargeUtf8(), new Int32()), "b"),
    );
    if (data.kind !== "string") throw new Error(`it is of ${data.kind}s`);
    const found = Array.from(data.values, (code, row) => (data.valid?.[row] === 0 ? null : data.dictionary[code]));
    expect(found).toEqual(["a", null, "b", "a", "c", "b"]);
  });

  it("has times of several units, and needs a zone where one of them does", () => {
    const [micros, millis, nanos] = [
      new TimestampMicrosecond("UTC"),
      new TimestampMillisecond("UTC"),
      new TimestampNanosecond("UTC"),
    ];
    const data = read(times(millis, 1n), times(micros, 2n), times(nanos, 3000n));
    expect(data).toMatchObject({ kind: "time", naive: false, values: Float64Array.of(1000, 2, 3) });
    const day = new Vector([makeData({ type: new DateDay(), length: 1, nullCount: 0, data: Int32Array.of(1) })]);
    expect(read(times(micros, 1n), day)).toMatchObject({ naive: true, values: Float64Array.of(1, 86_400_000_000) });
    const fine = (): unknown => read(times(micros, 1n, 2n), times(nanos, 1000n, 1n));
    expect(fine).toThrow(
      expect.objectContaining({ code: "TIMESTAMP_INVALID", details: expect.objectContaining({ row: 3 }) }),
    );
  });

  it("has integers of several widths, and floats with those that they hold", () => {
    const [narrow, wide] = [vectorFromArray([1, 2], new Int32()), vectorFromArray([beyond], new Int64())];
    expect(read(narrow, wide)).toEqual({ kind: "bigint", values: BigInt64Array.of(1n, 2n, beyond) });
    const floats = vectorFromArray([0.5], new Float64());
    expect(read(narrow, floats)).toEqual({ kind: "number", integer: false, values: Float64Array.of(1, 2, 0.5) });
    const mismatch = expect.objectContaining({ code: "COLUMN_TYPE_MISMATCH" });
    expect(() => read(wide, floats)).toThrow(mismatch);
    expect(() => read(narrow, texts(new Utf8(), "x"))).toThrow(mismatch);
    expect(() => read(vectorFromArray([true], new Bool()), narrow)).toThrow(mismatch);
  });

  it.each([
    ["arrow()", arrow],
    ["duckdb()", duckdb],
  ])("is joined and materialised to the same by %s", async (_, offline) => {
    const value = (n: number): Vector => vectorFromArray([n], new Float64());
    const batches = [
      batchOf({ id: texts(new Utf8(), "a"), at: times(new TimestampMillisecond("UTC"), 1n), value: value(1) }),
      batchOf({ id: texts(dictionary(), "b"), at: times(new TimestampMicrosecond("UTC"), 1000n), value: value(2) }),
    ];
    const view = featureView({
      name: "v",
      entities: [entity({ name: "thing", key: { id: "string" } })],
      source: fromBatches("source", batches),
      eventTime: "at",
      ttl: "forever",
      features: { value: column("value") },
    });
    const store = createFeatureStore({ views: [view], offline: offline() });
    const labels = new Table(
      batchOf({ id: texts(new Utf8(), "a", "b"), at: times(new TimestampMicrosecond("UTC"), 1000n, 1000n) }),
    );
    const set = await store.trainingSet({ labels, time: "at", features: ["v:*"] });
    expect([set.row(0), set.row(1)]).toEqual([{ "v:value": 1 }, { "v:value": 2 }]);
    await store.materialize(view, { until: 1 });
    expect(await store.checkParity(view)).toMatchObject({ values: 2, exact: 2 });
  });
});
