import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { approxCountDistinct, approxQuantile } from "../define/approximate.ts";
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
import type { JoinRequest, OfflineEngine } from "../offline/port.ts";
import { fromTable, type TableSource } from "../source/table-source.ts";
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
const hop = 1_500_000;
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
const step = fc.integer({ min: 0, max: 9 });
// Where windows begin and end it is a matter of a microsecond.
const beside = fc.constantFrom(0, 0, 0, 0, 1, -1);
const moment = fc.tuple(step, beside).map(([seconds, by]) => seconds * 1_000_000 + by);
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

const hops = { hop: "1500ms" } as const;
/** The same of windows whose tail hops. */
const sawtooth = {
  "count.hop": window("4s", count(), hops),
  "sum.hop": window("4s", sum("value"), hops),
  "mean.hop": window("4s", mean("value"), hops),
  "share.hop": window("4s", share(column("value").greaterThan(2)), hops),
  "stddev.hop": window("4s", stddev("value"), hops),
  "least.hop": window("4s", min("value"), hops),
  "greatest.hop": window("4s", max("value"), hops),
  "first.hop": window("4s", first("value"), hops),
  "lastInWindow.hop": window("4s", last("value"), hops),
  "distinct.hop": window("4s", countDistinct("value"), hops),
  "about.hop": window("4s", approxCountDistinct("value"), hops),
  "near.hop": window("4s", approxQuantile("value", 0.9), hops),
  "median.hop": window("4s", median("value"), hops),
  "ninth.hop": window("4s", quantile("value", 0.9), hops),
};

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
      about: window("4s", approxCountDistinct("value")),
      near: window("4s", approxQuantile("value", 0.9)),
      median: window("4s", median("value")),
      ninth: window("4s", quantile("value", 0.9)),
      lastNonNull: lastNonNull("value", { maxAge: "3s" }),
      ...sawtooth,
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
  const whole = labels.map((_, i) => set.row(i));
  const request = {
    view,
    features: Object.keys(view.features),
    knownAt: cut,
    strict,
    onTie: "last",
    output: {},
  } as const;
  // A join in parts costs as many: it is asked for now and then.
  const parted = labels.length > 12 ? await inParts(engine, fromTable("labels", labelTable(labels)), request) : whole;
  expect(parted).toEqual(whole);
  const options = { ttl, width, knownAt: known && cut, strict };
  const told = known ? rows : rows.map((row) => ({ ...row, known: 0 }));
  labels.forEach((label, i) => {
    const { last: plain, lastNonNull: past, ...windows } = oracle(told, label, options);
    const { last: _last, lastNonNull: _past, ...hopping } = oracle(told, label, { ...options, hop });
    const wanted = {
      "v:last": plain,
      "v:lastNonNull": past,
      ...renamed(windows, (feature) => `v:${feature}`),
      ...renamed(hopping, (feature) => `v:${feature}.hop`),
    };
    const found: Readonly<Record<string, unknown>> = set.row(i);
    for (const [feature, value] of Object.entries(wanted)) {
      // The oracle's deviation is rounded on its way.
      const close = feature.startsWith("v:stddev") ? rounded : (each: unknown): unknown => each;
      expect([feature, close(found[feature])]).toEqual([feature, close(value)]);
    }
  });
}

const rounded = (value: unknown): unknown => (typeof value === "number" ? Math.round(value * 1e10) / 1e10 : value);

const renamed = <Value>(row: Readonly<Record<string, Value>>, as: (name: string) => string): Record<string, Value> =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [as(name), value]));

/** The rows of labels that are joined four at a time. */
async function inParts(engine: OfflineEngine, source: TableSource, request: JoinRequest): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const part of engine.labels(source, { time: "at", rowsPerPart: 4 })) {
    if (part.rows > 4) throw new Error(`a part has ${part.rows} rows, where 4 are the most`);
    const columns = await part.join(request);
    for (let row = 0; row < part.rows; row++)
      rows.push(Object.fromEntries(columns.map((column) => [column.name, column.get(row)])));
  }
  return rows;
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
