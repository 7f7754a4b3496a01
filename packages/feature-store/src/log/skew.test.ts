import { manualClock } from "@ashlar/core/memory";
import { Table, type RecordBatch } from "apache-arrow";
import { describe, expect, it } from "vitest";
import {
  column,
  count,
  createFeatureStore,
  entity,
  featureLog,
  featureView,
  fromTable,
  mean,
  memory,
  onDemand,
  window,
} from "../index.ts";
import { namespaceOf } from "../materialize/materializer.ts";
import { entityKey } from "../online/entity-key.ts";
import { layoutOf } from "../online/layout.ts";
import { arrowTable } from "../testing/tables.ts";

const minute = 60_000_000;
const numbers = Array.from({ length: 120 }, (_, i) => i);
const rows = arrowTable({
  car: ["string", numbers.map((i) => `car ${i % 6}`)],
  at: ["timestamp", numbers.map((i) => i * minute)],
  speed: ["float64", numbers.map((i) => ((i * 37) % 11) / 3)],
});
const cars = featureView({
  name: "cars",
  entities: [entity({ name: "car", key: { car: "string" } })],
  source: fromTable("cars", rows),
  eventTime: "at",
  ttl: "30m",
  features: { speed: column("speed"), mean_1h: window("1h", mean("speed")), rows_1h: window("1h", count()) },
});
let factor = 2;
const limit = onDemand({
  name: "limit",
  input: { zone: "int64", at: "timestamp" },
  output: { most: "float64" },
  compute: ({ zone, at }) => ({ most: factor * Number(zone) + Number(at % 7n) }),
});
const views = [cars, limit] as const;
const features = ["cars:*", "limit:most"] as const;
const entities = [
  ...numbers.slice(0, 6).map((i) => ({ car: `car ${i}`, zone: BigInt(i) })),
  { car: "none", zone: null },
];

function makeStore() {
  const batches: RecordBatch[] = [];
  const sink = { append: async (batch: RecordBatch) => void batches.push(batch) };
  const log = featureLog({ views, features, sink });
  const clock = manualClock(0);
  const online = memory();
  const store = createFeatureStore({ views, logs: [log], clock, online });
  return { store, batches, clock, online, flush: () => log.flush() };
}

describe("the skew report", () => {
  it("has no difference when the store was materialised to the moment of each read", async () => {
    factor = 2;
    const { store, batches, flush } = makeStore();
    for (const now of [10, 55, 119, 140].map((minutes) => minutes * 60_000)) {
      await store.materialize(cars, { until: now });
      await store.read({ entities, features, at: now });
    }
    await flush();
    const report = await store.checkSkew({ features, served: new Table(batches) });
    expect(report).toMatchObject({ rows: 28, ignored: 0, compared: 112 });
    // A car that was never seen is null in history, its counts too, and is not found online.
    expect(report.differences).toEqual([]);
    expect(report.features.map(({ feature }) => feature).sort()).toEqual([
      "cars:mean_1h",
      "cars:rows_1h",
      "cars:speed",
      "limit:most",
    ]);
  });

  it("counts what differs by its cause", async () => {
    factor = 2;
    const { store, batches, online, flush } = makeStore();
    const at = 62 * 60_000;
    const one = { car: "car 1", zone: 1n };
    const other = { ...one, car: "other" };
    // Nothing is there yet.
    await store.read({ entities: [one], features: ["cars:speed"], at, requestId: "missing" });
    await store.materialize(cars, { until: 20 * 60_000 });
    await store.read({ entities: [one], features: ["cars:speed"], at, requestId: "expired" });
    await store.materialize(cars, { until: at - 5 * 60_000 });
    await store.read({ entities: [one], features: ["cars:*"], at, requestId: "stale" });
    await store.materialize(cars, { until: at });
    const stamp = { event: 61n * 60_000_000n, known: 61n * 60_000_000n, asOf: BigInt(at) * 1000n };
    const vector = layoutOf(cars.features).pack([-1, null, 7], stamp);
    await online.write(
      namespaceOf(cars),
      ["car 1", "other"].map((car) => ({ key: entityKey([car]), vector })),
    );
    await store.read({ entities: [one], features: ["cars:speed"], at, requestId: "differs" });
    await store.read({
      entities: [other],
      features: ["cars:speed"],
      at,
      requestId: "unexpected",
    });
    factor = 3;
    await store.read({ entities: [one], features: ["limit:most"], at, requestId: "onDemand" });
    factor = 2;
    await flush();
    const report = await store.checkSkew({ features, served: new Table(batches) });
    expect(report.differences.filter(({ request, cause }) => request !== cause)).toEqual([]);
    expect(report.causes).toMatchObject({ missing: 1, expired: 1, differs: 1, unexpected: 1, onDemand: 1 });
    expect(report.causes.stale).toBeGreaterThanOrEqual(1);
    expect(report.different).toBe(report.differences.length);
    expect(report.features[0]).toMatchObject({ feature: "cars:speed" });
    const different = report.differences.find(({ cause }) => cause === "differs");
    expect(different).toMatchObject({ feature: "cars:speed", served: -1, status: "PRESENT", at: BigInt(at) * 1000n });
  });

  it("leaves out rows of other definitions, and refuses a table that is no log", async () => {
    const { store, batches, flush } = makeStore();
    await store.read({ entities, features, at: 1000 });
    await flush();
    const served = new Table(batches);
    const other = await store.checkSkew({ features: ["cars:*"], served });
    expect(other).toMatchObject({ rows: 0, ignored: 7, compared: 0 });
    const missing = store.checkSkew({ features, served: rows });
    await expect(missing).rejects.toMatchObject({ code: "COLUMN_MISSING" });
    const tolerance = store.checkSkew({ features, served, tolerance: -1 });
    await expect(tolerance).rejects.toMatchObject({ code: "REQUEST_INVALID" });
    expect(await store.checkSkew({ features, served: served.slice(0, 0) })).toMatchObject({ rows: 0, different: 0 });
  });
});
