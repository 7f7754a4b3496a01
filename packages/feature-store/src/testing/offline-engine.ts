import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { column } from "../define/column.ts";
import { entity } from "../define/entity.ts";
import { featureView } from "../define/feature-view.ts";
import {
  count,
  countDistinct,
  first,
  last,
  lastNonNull,
  max,
  mean,
  median,
  min,
  quantile,
  share,
  stddev,
  sum,
  window,
} from "../define/window.ts";
import type { OfflineEngine } from "../offline/port.ts";
import { fromTable } from "../source/table-source.ts";
import { createFeatureStore } from "../store.ts";
import { type OracleLabel, type OracleRow, oracle } from "./oracle.ts";
import { describeShapes } from "./shapes.ts";
import { arrowTable } from "./tables.ts";
import { trapTable } from "./trap-table.ts";

export interface OfflineEngineSuite {
  readonly create: () => OfflineEngine | Promise<OfflineEngine>;
  /** Random cases against the oracle; default 100. */
  readonly runs?: number;
}

const width = 4_000_000;
const ttl = 3_000_000;
const pair = entity({ name: "pair", key: { a: "string", b: "string" } });

/** Proves an offline engine: random tables full of ties against a naive join, and the traps other stores fell into. */
export function describeOfflineEngine(name: string, suite: OfflineEngineSuite): void {
  describe(`${name}: point-in-time join`, () => {
    it("equals the oracle, row for row", { timeout: 120_000 }, async () => {
      const engine = await suite.create();
      const proof = fc.assert(
        fc.asyncProperty(cases, (each) => agree(engine, each)),
        { numRuns: suite.runs ?? 100 },
      );
      await expect(proof).resolves.toBeUndefined();
    });
    trapTable(suite.create);
    describeShapes(suite.create);
  });
}

// Few keys, few moments: nearly everything ties with something.
const part = fc.constantFrom("1", "11", null);
const key = fc.tuple(part, part);
const moment = fc.integer({ min: 0, max: 9 }).map((step) => step * 1_000_000);
const nearly = (of: fc.Arbitrary<number>): fc.Arbitrary<number | null> => fc.option(of, { freq: 8 });

const cases = fc.record({
  rows: fc.array(
    fc.record({ key, event: nearly(moment), known: nearly(moment), value: nearly(fc.integer({ min: -3, max: 7 })) }),
    { minLength: 1, maxLength: 40 },
  ),
  labels: fc.array(fc.record({ key, time: moment }), { minLength: 1, maxLength: 15 }),
  known: fc.boolean(),
  cut: fc.boolean(),
  strict: fc.boolean(),
  type: fc.constantFrom("int64" as const, "float64" as const),
});

type Case = typeof cases extends fc.Arbitrary<infer Value> ? Value : never;

async function agree(engine: OfflineEngine, { rows, labels, known, cut, strict, type }: Case): Promise<void> {
  const view = featureView({
    name: "v",
    entities: [pair],
    source: fromTable("source", sourceTable(rows, type)),
    eventTime: "event",
    ...(known ? { knownAt: "known" } : {}),
    ttl: "3s",
    keys: { a: "left", b: "right" },
    features: {
      last: column("value"),
      count: window("4s", count()),
      sum: window("4s", sum("value")),
      mean: window("4s", mean("value")),
      share: window("4s", share(column("value").greaterThan(2))),
      stddev: window("4s", stddev("value")),
      least: window("4s", min("value")),
      greatest: window("4s", max("value")),
      first: window("4s", first("value")),
      lastInWindow: window("4s", last("value")),
      distinct: window("4s", countDistinct("value")),
      median: window("4s", median("value")),
      ninth: window("4s", quantile("value", 0.9)),
      lastNonNull: lastNonNull("value", { maxAge: "3s" }),
    },
  });
  const store = createFeatureStore({ views: [view], offline: engine });
  const set = await store.trainingSet({
    labels: labelTable(labels),
    time: "at",
    features: ["v:*"],
    knownAt: cut,
    strict,
  });
  expect(set.rows).toBe(labels.length);
  const options = { ttl, width, knownAt: known && cut, strict };
  const told = known ? rows : rows.map((row) => ({ ...row, known: 0 }));
  labels.forEach((label, i) => {
    const wanted = oracle(told, label, options);
    const { "v:stddev": deviation, ...rest } = set.row(i);
    const { stddev, ...others } = wanted;
    expect(rest).toEqual(Object.fromEntries(Object.entries(others).map(([feature, value]) => [`v:${feature}`, value])));
    expect(deviation === null).toBe(stddev === null);
    expect(Number(deviation)).toBeCloseTo(stddev ?? 0, 10);
  });
}

function sourceTable(rows: readonly OracleRow[], type: "int64" | "float64"): ReturnType<typeof arrowTable> {
  const values = rows.map(({ value }) => (value === null || type === "float64" ? value : BigInt(value)));
  return arrowTable({
    left: ["string", rows.map((row) => row.key[0] ?? null)],
    right: ["string", rows.map((row) => row.key[1] ?? null)],
    event: ["timestamp", rows.map((row) => row.event)],
    known: ["timestamp", rows.map((row) => row.known)],
    value: [type, values],
  });
}

function labelTable(labels: readonly OracleLabel[]): ReturnType<typeof arrowTable> {
  return arrowTable({
    a: ["string", labels.map((label) => label.key[0] ?? null)],
    b: ["string", labels.map((label) => label.key[1] ?? null)],
    at: ["timestamp", labels.map((label) => label.time)],
  });
}
