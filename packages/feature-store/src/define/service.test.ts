import { describe, expect, expectTypeOf, it } from "vitest";
import {
  column,
  createFeatureStore,
  entity,
  featureService,
  featureView,
  fromTable,
  memory,
  type Reading,
  sum,
  window,
} from "../index.ts";
import { arrowTable } from "../testing/tables.ts";

const second = 1_000_000;
const airport = entity({ name: "airport", key: { origin: "string" } });
const source = fromTable(
  "flights",
  arrowTable({
    origin: ["string", ["JFK", "JFK"]],
    at: ["timestamp", [second, 2 * second]],
    delay: ["int64", [4n, 5n]],
  }),
);
const base = { entities: [airport], source, eventTime: "at", ttl: "1d" } as const;
const departures = featureView({
  ...base,
  name: "departures",
  features: { last: column("delay"), total: window("1h", sum("delay", "int64")) },
});
/** The same view, redefined: the last delay is a sum now. */
const redefined = featureView({ ...base, name: "departures", features: { last: window("1h", sum("delay")) } });
const arrivals = featureView({ ...base, name: "arrivals", features: { last: column("delay") } });
const delay = featureService({
  name: "delay",
  views: [departures, arrivals],
  features: ["departures:*", "arrivals:last"],
  owner: "airside",
});
const labels = arrowTable({ origin: ["string", ["JFK"]], at: ["timestamp", [3 * second]] });

describe("a feature service", () => {
  it("pins the versions of its views, and has one of its own", () => {
    expect(delay.pins).toEqual({ departures: departures.version, arrivals: arrivals.version });
    expect(delay.features).toEqual(["departures:last", "departures:total", "arrivals:last"]);
    const changed = featureService({ name: "delay", views: [redefined, arrivals], features: ["departures:last"] });
    expect(changed.version).not.toBe(delay.version);
    const described = featureService({ ...delay, features: delay.selection, views: delay.views, description: "new" });
    expect(described.version).toBe(delay.version);
  });

  it("makes training sets and reads by its own definitions beside a store of newer ones", async () => {
    const online = memory();
    const old = createFeatureStore({ views: [departures, arrivals], online });
    await old.materialize(departures, { until: 3000 });
    await old.materialize(arrivals, { until: 3000 });
    const store = createFeatureStore({ views: [redefined], online });
    await store.materialize(redefined, { until: 3000 });
    const set = await store.trainingSet({ service: delay, labels, time: "at" });
    expect(set.row(0)).toEqual({ "departures:last": 5, "departures:total": 9n, "arrivals:last": 5 });
    expect(set.manifest.service).toEqual({ name: "delay", version: delay.version });
    expectTypeOf(set.row(0)["departures:total"]).toEqualTypeOf<bigint | null>();
    const [vector] = await store.read({ service: delay, entities: [{ origin: "JFK" }], at: 3000 });
    expect(vector?.["departures:last"].value).toBe(5);
    expectTypeOf(vector!["departures:total"]).toEqualTypeOf<Reading<bigint>>();
    const [newer] = await store.read({ features: ["departures:last"], entities: [{ origin: "JFK" }], at: 3000 });
    expect(newer?.["departures:last"].value).toBe(9);
  });

  it("refuses a definition that is not the pinned one", () => {
    const { pins } = delay;
    const define = (): unknown =>
      featureService({ name: "delay", views: [redefined], features: ["departures:*"], pins });
    expect(define).toThrow(expect.objectContaining({ code: "SERVICE_PIN_MISMATCH" }));
  });

  it("does not compile, nor run, with an unknown feature, or two views of one name", () => {
    // @ts-expect-error -- there is no such feature
    const unknown = (): unknown => featureService({ name: "s", views: [departures], features: ["departures:mean"] });
    expect(unknown).toThrow(expect.objectContaining({ code: "FEATURE_UNKNOWN" }));
    // @ts-expect-error -- both would give "departures:last"
    const twice = (): unknown => featureService({ name: "s", views: [departures, redefined], features: [] });
    expect(twice).toThrow(expect.objectContaining({ code: "VIEW_NAME_COLLISION" }));
    const empty = (): unknown => featureService({ name: "s", views: [departures], features: [] });
    expect(empty).toThrow(expect.objectContaining({ code: "DEFINITION_INVALID" }));
    const tagged = (): unknown => featureView({ ...base, name: "v", features: { x: column("delay") }, tags: [""] });
    expect(tagged).toThrow(expect.objectContaining({ code: "DEFINITION_INVALID" }));
  });
});
