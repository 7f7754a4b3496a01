import {
  Bool,
  Float64,
  Int32,
  Int64,
  makeData,
  Table,
  TimestampMicrosecond,
  Utf8,
  Vector,
  vectorFromArray,
} from "apache-arrow";
import fc from "fast-check";
import { expect, it } from "vitest";
import {
  column,
  count,
  countDistinct,
  createFeatureStore,
  entity,
  featureView,
  fromTable,
  lastNonNull,
  max,
  mean,
  median,
  min,
  type ScalarType,
  stddev,
  sum,
  window,
} from "../index.ts";
import { arrow } from "./arrow.ts";
import { duckdb } from "./duckdb.ts";

const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n];
const safe = BigInt(Number.MAX_SAFE_INTEGER);
// Texts that some would fold into one, cut, or take for a null.
const texts = [
  "",
  " ",
  "a",
  "A",
  "a ",
  "a\0",
  "a\0b",
  "\0",
  "é",
  "e\u0301",
  "ı",
  "ß",
  "ss",
  "NULL",
  "\ufffd",
  "\u{10ffff}",
];
const numbers = [Number.NaN, 0, -0, Infinity, -Infinity, 1.7e308, -1.7e308, 5e-324, 0.1, 1];
const moments = [0n, 1n, -1n, 999_999n, -999_999n, 4_000_000n, safe, -safe, safe - 1n, 1_600_000_000_000_000n];
const values = {
  string: texts,
  boolean: [true, false],
  int32: [-(2 ** 31), 2 ** 31 - 1, 0, 1],
  int64: [least, most, 0n, -1n, 2n ** 53n, 2n ** 53n + 1n],
  float64: numbers,
  timestamp: moments,
} as const satisfies Readonly<Record<ScalarType, readonly unknown[]>>;
const keyTypes = ["string", "int64", "boolean"] as const;

const some = <Value>(from: readonly Value[]): fc.Arbitrary<Value | null> =>
  fc.option(fc.constantFrom(...from), { freq: 8, nil: null });
const cases = fc
  .record({ key: fc.constantFrom(...keyTypes), value: fc.constantFrom(...(Object.keys(values) as ScalarType[])) })
  .chain(({ key, value }) =>
    fc.record({
      key: fc.constant(key),
      value: fc.constant(value),
      ttl: fc.constantFrom("1s" as const, "forever" as const),
      known: fc.boolean(),
      rows: fc.array(fc.tuple(some<unknown>(values[key]), some(moments), some(moments), some<unknown>(values[value])), {
        maxLength: 14,
      }),
      labels: fc.array(
        fc.tuple(some<unknown>(values[key]), fc.constantFrom(...moments), some<unknown>(values[value])),
        { maxLength: 8 },
      ),
    }),
  );

function vectorOf(type: ScalarType, given: readonly unknown[]): Vector {
  if (type === "string") return vectorFromArray(given as (string | null)[], new Utf8());
  if (type === "boolean") return vectorFromArray(given as (boolean | null)[], new Bool());
  if (type === "int32") return vectorFromArray(given as (number | null)[], new Int32());
  if (type === "float64") return vectorFromArray(given as (number | null)[], new Float64());
  const whole = vectorFromArray(given as (bigint | null)[], new Int64());
  if (type === "int64") return whole;
  const [data] = whole.data;
  const { length = 0, nullCount = 0, nullBitmap, values: words = new BigInt64Array() } = data ?? {};
  const nulls = nullCount > 0 ? { nullBitmap } : {};
  const made = makeData({ type: new TimestampMicrosecond("UTC"), length, nullCount, data: words, ...nulls });
  return new Vector([made]);
}

const columnOf = (rows: readonly (readonly unknown[])[], index: number): unknown[] => rows.map((row) => row[index]);
const shown = (value: unknown): string =>
  typeof value === "bigint" ? `${value}n` : Object.is(value, -0) ? "-0" : JSON.stringify(value) + String(value);

it("are the same to both engines, whatever the values, keys and times", async () => {
  const property = fc.asyncProperty(cases, async ({ key, value, ttl, known, rows, labels }) => {
    const table = new Table({
      k: vectorOf(key, columnOf(rows, 0)),
      at: vectorOf("timestamp", columnOf(rows, 1)),
      known: vectorOf("timestamp", columnOf(rows, 2)),
      v: vectorOf(value, columnOf(rows, 3)),
    });
    const frame = new Table({
      k: vectorOf(key, columnOf(labels, 0)),
      time: vectorOf("timestamp", columnOf(labels, 1)),
      x: vectorOf(value, columnOf(labels, 2)),
    });
    const numeric = {
      sum: window("4s", sum("v")),
      mean: window("4s", mean("v")),
      min: window("4s", min("v")),
      max: window("4s", max("v")),
      median: window("4s", median("v")),
      stddev: window("4s", stddev("v")),
      distinct: window("4s", countDistinct("v")),
    };
    const view = featureView({
      name: "v",
      entities: [entity({ name: "thing", key: { k: key } })],
      source: fromTable("rows", table),
      eventTime: "at",
      ...(known ? { knownAt: "known" } : {}),
      ttl,
      features: {
        last: column("v", value),
        past: lastNonNull("v", { maxAge: "3s", type: value }),
        rows: window("4s", count()),
        ...(value === "string" || value === "boolean" || value === "timestamp" ? {} : numeric),
      },
    });
    const answers: string[] = [];
    for (const offline of [arrow(), duckdb()]) {
      await using store = createFeatureStore({ views: [view], offline });
      const asked = store.trainingSet({ labels: fromTable("labels", frame), features: ["v:*"] });
      answers.push(
        await asked.then(
          (set) => [set.digest, ...labels.map((_, i) => Object.values(set.row(i)).map(shown).join())].join("\n"),
          String,
        ),
      );
    }
    expect(answers[1]).toBe(answers[0]);
  });
  await fc.assert(property, { numRuns: 40 });
});
