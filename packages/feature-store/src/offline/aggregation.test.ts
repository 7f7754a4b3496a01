import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  approxCountDistinct,
  approxQuantile,
  column,
  count,
  countDistinct,
  createFeatureStore,
  entity,
  featureView,
  first,
  fromTable,
  last,
  lastNonNull,
  max,
  mean,
  median,
  min,
  quantile,
  sum,
  window,
} from "../index.ts";
import { arrowTable } from "../testing/tables.ts";

const thing = entity({ name: "thing", key: { id: "string" } });
const second = 1_000_000;
const moment = fc.integer({ min: 0, max: 12 });
const cases = fc.array(
  fc.record({
    id: fc.constantFrom("a", "b"),
    event: moment,
    late: fc.option(fc.integer({ min: -2, max: 6 }), { freq: 9 }),
    value: fc.option(fc.constantFrom(-2, -0.5, 0, 1, 1, 3, NaN, Infinity)),
  }),
  { minLength: 1, maxLength: 40 },
);

describe("a window", () => {
  it("is materialised step by step to what the training set has, whatever is late", async () => {
    const steps = fc.uniqueArray(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 8 });
    const proof = fc.asyncProperty(cases, steps, async (rows, times) => {
      const view = featureView({
        name: "v",
        entities: [thing],
        source: fromTable(
          "rows",
          arrowTable({
            id: ["string", rows.map(({ id }) => id)],
            event: ["timestamp", rows.map(({ event }) => event * second)],
            known: ["timestamp", rows.map(({ event, late }) => (late === null ? null : (event + late) * second))],
            value: ["float64", rows.map(({ value }) => value)],
          }),
        ),
        eventTime: "event",
        knownAt: "known",
        ttl: "1d",
        features: {
          plain: column("value"),
          count: window("4s", count()),
          sum: window("4s", sum("value")),
          mean: window("4s", mean("value")),
          min: window("4s", min("value")),
          max: window("4s", max("value")),
          first: window("4s", first("value")),
          last: window("4s", last("value")),
          distinct: window("4s", countDistinct("value")),
          median: window("4s", median("value")),
          tenth: window("7s", quantile("value", 0.1)),
          lastNonNull: lastNonNull("value", { maxAge: "forever" }),
          about: window("4s", approxCountDistinct("value", { standardError: 0.26 })),
          near: window("4s", approxQuantile("value", 0.4, { relativeError: 0.1 })),
        },
      });
      const store = createFeatureStore({ views: [view] });
      const stepper = await store.materializer(view);
      for (const time of times.sort((a, b) => a - b)) {
        await stepper.advance(time * 1000);
        const ids = ["a", "b"];
        const labels = arrowTable({ id: ["string", ids], at: ["timestamp", ids.map(() => time * second)] });
        const set = await store.trainingSet({ labels, time: "at", features: ["v:*"] });
        const read = await store.read({ entities: ids.map((id) => ({ id })), features: ["v:*"], at: time * 1000 });
        read.forEach((vector, i) => {
          if (vector["v:plain"].status === "NOT_FOUND") return;
          const values = Object.fromEntries(Object.entries(vector).map(([name, { value }]) => [name, value]));
          expect(values).toEqual(set.row(i));
        });
      }
    });
    await expect(fc.assert(proof, { numRuns: 150 })).resolves.toBeUndefined();
  });

  it("keeps the type of the column it takes a value of", async () => {
    const big = 9007199254740993n;
    const view = featureView({
      name: "v",
      entities: [thing],
      source: fromTable(
        "rows",
        arrowTable({
          id: ["string", ["a", "a", "a", "a"]],
          at: ["timestamp", [1, 2, 3, 4]],
          text: ["string", ["x", "y", "x", null]],
          n: ["int64", [big, big - 1n, big + 1n, null]],
        }),
      ),
      eventTime: "at",
      ttl: "1d",
      features: {
        first: window("1d", first("text", "string")),
        last: window("1d", last("text", "string")),
        texts: window("1d", countDistinct("text")),
        aboutTexts: window("1d", approxCountDistinct("text")),
        aboutNumbers: window("1d", approxCountDistinct("n")),
        nearNumber: window("1d", approxQuantile("n", 0.5)),
        least: window("1d", min("n", "int64")),
        greatest: window("1d", max("n", "int64")),
        newest: window("1d", max("at", "timestamp")),
        kept: lastNonNull("text", { maxAge: "1d", type: "string" }),
        young: lastNonNull("text", { maxAge: "1us", type: "string" }),
        younger: lastNonNull("n", { maxAge: "2us", type: "int64" }),
      },
    });
    const labels = arrowTable({ id: ["string", ["a", "b"]], at: ["timestamp", [5, 5]] });
    const set = await createFeatureStore({ views: [view] }).trainingSet({ labels, time: "at", features: ["v:*"] });
    const row = set.row(0);
    expect(row).toEqual({
      "v:first": "x",
      "v:last": "x",
      "v:texts": 2,
      "v:aboutTexts": 2,
      "v:aboutNumbers": 3,
      "v:nearNumber": 9077022504777744,
      "v:least": big - 1n,
      "v:greatest": big + 1n,
      "v:newest": 4n,
      "v:kept": "x",
      "v:young": null,
      "v:younger": big + 1n,
    });
    expect(set.row(1)).toMatchObject({ "v:texts": null, "v:least": null, "v:kept": null });
    expectTypeOf(row["v:last"]).toEqualTypeOf<string | null>();
    expectTypeOf(row["v:newest"]).toEqualTypeOf<bigint | null>();
    expectTypeOf(row["v:texts"]).toEqualTypeOf<number | null>();
    expectTypeOf(row["v:younger"]).toEqualTypeOf<bigint | null>();
  });

  it.each([
    ["min of a text", window("1d", min("text"))],
    ["quantile of a text", window("1d", median("text"))],
    ["approximate quantile of a text", window("1d", approxQuantile("text", 0.5))],
    ["float64 last of a text", window("1d", last("text"))],
  ])("refuses the %s", async (_, feature) => {
    const table = arrowTable({ id: ["string", ["a"]], at: ["timestamp", [1]], text: ["string", ["x"]] });
    const view = featureView({
      name: "v",
      entities: [thing],
      source: fromTable("rows", table),
      eventTime: "at",
      ttl: "1d",
      features: { feature },
    });
    const asked = createFeatureStore({ views: [view] }).trainingSet({ labels: table, time: "at", features: ["v:*"] });
    await expect(asked).rejects.toMatchObject({ code: "COLUMN_TYPE_MISMATCH" });
  });

  it("refuses errors that no sketch has", () => {
    const invalid = expect.objectContaining({ code: "DEFINITION_INVALID" });
    expect(() => approxQuantile("value", 2)).toThrow(invalid);
    expect(() => approxQuantile("value", 0.5, { relativeError: 0 })).toThrow(invalid);
    expect(() => approxCountDistinct("value", { standardError: 0.5 })).toThrow(invalid);
  });

  it.each([-0.1, 1.1, NaN])("refuses the quantile %d", (q) => {
    expect(() => quantile("value", q)).toThrow(expect.objectContaining({ code: "DEFINITION_INVALID" }));
  });
});
