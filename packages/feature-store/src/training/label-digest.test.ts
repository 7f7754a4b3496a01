import {
  Binary,
  Decimal,
  Field,
  Float64,
  Int32,
  Int64,
  List,
  makeData,
  type RecordBatch,
  Struct,
  Table,
  TimestampMicrosecond,
  TimestampNanosecond,
  Uint64,
  Utf8,
  Vector,
  vectorFromArray,
} from "apache-arrow";
import { describe, expect, it } from "vitest";
import { arrow, column, createFeatureStore, entity, featureView, fromBatches } from "../index.ts";
import { duckdb } from "../offline/duckdb.ts";
import { arrowTable } from "../testing/tables.ts";

const view = featureView({
  name: "v",
  entities: [entity({ name: "thing", key: { id: "string" } })],
  source: fromBatches(
    "rows",
    arrowTable({ id: ["string", ["a"]], at: ["timestamp", [0]], n: ["float64", [1]] }).batches,
  ),
  eventTime: "at",
  ttl: "forever",
  features: { n: column("n") },
});

type Words = readonly (bigint | null)[];
const words = (type: TimestampNanosecond | TimestampMicrosecond | Uint64 | Int64, values: Words): Vector => {
  const nullBitmap = new Uint8Array(((values.length + 63) >> 6) << 3);
  values.forEach((value, i) => {
    if (value !== null) nullBitmap[i >> 3] = (nullBitmap[i >> 3] as number) | (1 << (i & 7));
  });
  const stored = BigInt64Array.from(values, (value, i) => BigInt.asIntN(64, value ?? BigInt(i)));
  const data = type instanceof Uint64 ? new BigUint64Array(stored.buffer) : stored;
  const nullCount = values.filter((value) => value === null).length;
  return new Vector([
    makeData({ type: type as Int64, length: values.length, nullCount, nullBitmap, data: data as BigInt64Array }),
  ]);
};
const nanos = (...values: Words): Vector => words(new TimestampNanosecond("UTC"), values);
const micros = (...values: Words): Vector => words(new TimestampMicrosecond("UTC"), values);
const unsigned = (...values: Words): Vector => words(new Uint64(), values);
const signed = (...values: Words): Vector => words(new Int64(), values);

/** The digest of labels with the column x, in parts of 64 rows or in one. */
async function digestOf(x: Vector, { parts = false, engine = arrow, cuts = [] as number[] } = {}): Promise<string> {
  const ids = vectorFromArray(
    Array.from({ length: x.length }, () => "a"),
    new Utf8(),
  );
  const time = micros(...Array.from({ length: x.length }, (_, i) => BigInt(i)));
  const batch = new Table({ id: ids, time, x }).batches[0] as RecordBatch;
  const ends = [...cuts, x.length];
  const batches = ends.map((end, i) => batch.slice(ends[i - 1] ?? 0, end));
  await using store = createFeatureStore({ views: [view], offline: engine() });
  const ask = { labels: fromBatches("labels", batches), features: ["v:n"] } as const;
  if (!parts) return (await store.trainingSet(ask)).digest;
  const to = {
    append: async (given: AsyncIterable<RecordBatch>) => {
      for await (const each of given) expect(each.numCols).toBeGreaterThan(0);
    },
  };
  return (await store.writeTrainingSet({ ...ask, rowsPerPart: 64, to: to as never })).digest;
}

const second = 1_000_000_000n;
const now = 1_700_000_000n * second;
const many = (last: bigint | null, each: (i: bigint) => bigint = (i) => now + i * second): Words => [
  null,
  ...Array.from({ length: 98 }, (_, i) => each(BigInt(i))),
  last,
];

describe("the digest of label columns that cannot be read as keys", () => {
  it.each([
    ["nanoseconds, the last of them finer than a microsecond", nanos(...many(now + 1n))],
    ["nanoseconds that are whole microseconds", nanos(...many(now))],
    ["times, the last of them in the year 9999", micros(...many(253_402_300_799_999_999n, (i) => i))],
    ["unsigned integers, the last of them beyond 2^63", unsigned(...many(2n ** 64n - 1n, (i) => i))],
    ["unsigned integers below 2^63", unsigned(...many(7n, (i) => i))],
    [
      "decimals",
      new Vector([
        makeData({ type: new Decimal(2, 10, 128), length: 100, data: new Uint32Array(400).map((_, i) => i) }),
      ]),
    ],
  ])("does not depend on parts, batches or the engine: %s", async (_, x) => {
    const one = await digestOf(x);
    for (const engine of [arrow, duckdb]) {
      expect(await digestOf(x, { engine })).toBe(one);
      expect(await digestOf(x, { engine, parts: true })).toBe(one);
      expect(await digestOf(x, { engine, parts: true, cuts: [10, 64, 70] })).toBe(one);
    }
  });

  const list = (...items: (number | null)[]): Vector =>
    vectorFromArray([items], new List(new Field("item", new Float64(), true)));
  const decimal = (scale: number): Vector =>
    new Vector([makeData({ type: new Decimal(scale, 10, 128), length: 1, data: Uint32Array.of(100, 0, 0, 0) })]);
  const struct = <T extends Int64 | Utf8>(type: T, value: T["TValue"]): Vector =>
    vectorFromArray([{ a: value }], new Struct([new Field("a", type, true)]));
  const nested = (value: bigint): Vector => {
    const item = nanos(value).data[0] as never;
    const type = new Struct([new Field("a", new TimestampNanosecond("UTC"), true)]);
    return new Vector([makeData({ type, length: 1, nullCount: 0, children: [item] })]);
  };
  it.each([
    ["nanoseconds", nanos(now + 1n), nanos(now + 2n)],
    ["nanoseconds within a struct", nested(now + 1n), nested(now + 2n)],
    ["times far ahead", micros(253_402_300_799_999_998n), micros(253_402_300_799_999_999n)],
    ["units of time", nanos(now + 1n), words(new TimestampNanosecond(), [now + 1n])],
    ["unsigned integers and negative ones of the same bits", unsigned(2n ** 64n - 1n), signed(-1n)],
    ["nulls and zeros", unsigned(2n ** 64n - 1n, null), unsigned(2n ** 64n - 1n, 0n)],
    ["decimals of two scales", decimal(2), decimal(1)],
    ["an integer and its text", struct(new Int64(), 5n), struct(new Utf8(), "5n")],
    ["NaN and null in a list", list(Number.NaN), list(null)],
    ["infinities", list(Infinity), list(-Infinity)],
    ["zeros of either sign", list(0), list(-0)],
    [
      "bytes",
      vectorFromArray([Uint8Array.of(1, 2)], new Binary()),
      vectorFromArray([Uint8Array.of(1, 3)], new Binary()),
    ],
  ])("tells %s apart", async (_, one, other) => {
    expect(await digestOf(one)).not.toBe(await digestOf(other));
    expect(await digestOf(one, { parts: true })).toBe(await digestOf(one));
  });

  it("is that of the values, wherever a batch was cut", async () => {
    const structs = vectorFromArray(
      Array.from({ length: 70 }, (_, i) => (i % 7 === 0 ? null : { a: i, b: i % 3 === 0 ? null : [`${i}`, null] })),
      new Struct([
        new Field("a", new Int32(), true),
        new Field("b", new List(new Field("item", new Utf8(), true)), true),
      ]) as never,
    );
    const one = await digestOf(structs);
    expect(await digestOf(structs, { cuts: [1, 9, 33] })).toBe(one);
    expect(await digestOf(structs, { cuts: [3, 66], parts: true })).toBe(one);
  });
});
