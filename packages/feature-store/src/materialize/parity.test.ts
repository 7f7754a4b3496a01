import { describe, expect, it } from "vitest";
import {
  column,
  createFeatureStore,
  entity,
  featureView,
  fromRows,
  type TableSource,
  mean,
  memory,
  type PushEvent,
  stddev,
  window,
} from "../index.ts";
import { layoutOf } from "../online/layout.ts";
import { entityKey } from "../online/entity-key.ts";
import { namespaceOf } from "./materializer.ts";

const car = entity({ name: "car", key: { fleet: "int64", car: "string" } });
const rows: readonly PushEvent[] = Array.from({ length: 900 }, (_, i) => ({
  id: `${i}`,
  fleet: BigInt(i % 3),
  car: `car ${i % 50}`,
  at: new Date(i * 1000),
  length: i % 13 === 0 ? null : i / 7,
}));
const base = { name: "trips", entities: [car], source: fromRows("trips", rows), eventTime: "at", ttl: "10m" } as const;
const features = {
  length: column("length"),
  mean_5m: window("5m", mean("length")),
  stddev_5m: window("5m", stddev("length")),
} as const;
const until = 880_000;
const clock = { now: () => 1_000_000, monotonic: () => 0, sleep: async () => undefined };

describe("parity", () => {
  it.each([
    ["materialised", featureView({ ...base, features })],
    ["pushed", featureView({ ...base, features, push: { id: "id" } })],
  ])("is full for a view that was %s", async (_, view) => {
    const store = createFeatureStore({ views: [view], clock });
    const materializer = await store.materializer(view);
    for (let to = 100_000; to <= until; to += 60_000) await materializer.advance(to);
    const report = await store.checkParity(view, { sample: 100 });
    expect(report).toMatchObject({
      view: "trips",
      at: until,
      entities: 100,
      values: 300,
      different: 0,
      differences: [],
    });
    expect(report.exact + report.rounded).toBe(300);
    expect(report.exact).toBeGreaterThan(200);
  });

  it("names the values that differ", async () => {
    const view = featureView({ ...base, features });
    const online = memory();
    const store = createFeatureStore({ views: [view], online, clock });
    await store.materialize(view, { until });
    const stamp = { event: 10n ** 15n, known: 10n ** 15n, asOf: 10n ** 15n };
    const vector = layoutOf(view.features).pack([-1, null, 2], stamp);
    await online.write(namespaceOf(view), [{ key: entityKey([1, "car 1"]), vector }]);
    const report = await store.checkParity(view);
    expect([report.entities, report.different]).toEqual([150, 3]);
    expect(report.differences[0]).toMatchObject({
      entity: { fleet: 1, car: "car 1" },
      feature: "trips:length",
      online: -1,
      status: "PRESENT",
    });
  });

  it("needs a moment and a sample", async () => {
    const view = featureView({ ...base, features });
    const store = createFeatureStore({ views: [view], clock });
    const invalid = { code: "MATERIALIZE_INVALID" };
    await expect(store.checkParity(view)).rejects.toMatchObject(invalid);
    await expect(store.checkParity(view, { at: 1.5 })).rejects.toMatchObject(invalid);
    await expect(store.checkParity(view, { at: 1, sample: 0 })).rejects.toMatchObject(invalid);
    const over = (source: TableSource) => {
      const other = featureView({ ...base, source, features });
      return createFeatureStore({ views: [other], clock }).checkParity(other, { at: 1 });
    };
    await expect(over(fromRows("other", [{ other: 1 }]))).rejects.toMatchObject({ code: "COLUMN_MISSING" });
    expect(await over(fromRows("none", []))).toMatchObject({ entities: 0, values: 0, different: 0 });
  });
});
