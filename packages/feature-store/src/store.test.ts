import { manualClock } from "@ashlar/core/memory";
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  column,
  count,
  createFeatureStore,
  entity,
  featureView,
  fromTable,
  mean,
  onDemand,
  type Reading,
  sum,
  window,
} from "./index.ts";
import { arrowTable } from "./testing/tables.ts";

const minute = 60_000_000;
const flights = arrowTable({
  date: ["timestamp", [0, 10 * minute, 20 * minute]],
  landed: ["timestamp", [5 * minute, 60 * minute, 30 * minute]],
  origin: ["string", ["JFK", "JFK", "SFO"]],
  delay: ["int64", [4n, 40n, 7n]],
});

const airport = entity({ name: "airport", key: { origin: "string" } });
const departures = featureView({
  name: "departures",
  entities: [airport],
  source: fromTable("flights", flights),
  eventTime: "date",
  knownAt: "landed",
  ttl: "2h",
  features: {
    last_delay: column("delay"),
    mean_delay_6h: window("6h", mean("delay")),
    flights_6h: window("6h", count()),
    minutes_15m: window("15m", sum("delay", "int64")),
  },
});
const calendar = onDemand({
  name: "calendar",
  input: { at: "timestamp" },
  output: { hour: "int32" },
  compute: ({ at }) => ({ hour: Number((at / 3_600_000_000n) % 24n) }),
});
const views = [departures, calendar] as const;
const labels = arrowTable({
  origin: ["string", ["JFK", "JFK", "LAX"]],
  date: ["timestamp", [30 * minute, 60 * minute, 0]],
});

describe("a training set", () => {
  it("has the label columns, then the features, with a manifest and a leak report", async () => {
    const store = createFeatureStore({ views });
    const features = ["departures:*", "calendar:hour"] as const;
    const set = await store.trainingSet({ labels, time: "date", features, leakReport: true });
    expect(set.columns.slice(0, 3)).toEqual(["origin", "date", "departures:last_delay"]);
    expect(set.row(0)).toEqual({
      "departures:last_delay": 4,
      "departures:mean_delay_6h": 4,
      "departures:flights_6h": 1,
      "departures:minutes_15m": null,
      "calendar:hour": 0,
    });
    expect(set.row(1)["departures:mean_delay_6h"]).toBe(22);
    expect(set.leakReport).toMatchObject({ rows: 3, leakedRows: 1, features: { "departures:last_delay": 1 } });
    expect(set.manifest).toMatchObject({ digest: set.digest, rows: 3, views: { departures: departures.version } });
    expectTypeOf(set.row(0)["departures:mean_delay_6h"]).toEqualTypeOf<number | null>();
    expectTypeOf(set.row(0)["departures:minutes_15m"]).toEqualTypeOf<bigint | null>();
    expectTypeOf(set.row(0)["calendar:hour"]).toEqualTypeOf<number | null>();
  });

  it("has one digest whatever the batches, and another for other rows", async () => {
    const store = createFeatureStore({ views });
    const make = (table: typeof labels): Promise<string> =>
      store.trainingSet({ labels: table, time: "date", features: ["departures:*"] }).then((set) => set.digest);
    const whole = await make(labels);
    expect(await make(labels.slice(0, 1).concat(labels.slice(1)))).toBe(whole);
    expect(await make(labels.slice(0, 2))).not.toBe(whole);
  });

  it("gives numbers of one width when asked to", async () => {
    const store = createFeatureStore({ views });
    const output = { float: "float32", integer: "float" } as const;
    const table = await (await store.trainingSet({ labels, time: "date", features: ["departures:*"], output })).table();
    expect(table.schema.fields.slice(2).map((field) => String(field.type))).toEqual(Array(4).fill("Float32"));
  });
});

describe("types", () => {
  it("refuse a misspelt feature, a wrong key and a second view of one name", async () => {
    const store = createFeatureStore({ views });
    // @ts-expect-error -- there is no such feature
    const misspelt = store.trainingSet({ labels, time: "date", features: ["departures:mean_delay_7h"] });
    await expect(misspelt).rejects.toMatchObject({ code: "FEATURE_UNKNOWN" });
    // @ts-expect-error -- there is no such view
    const unknown = store.read({ entities: [], features: ["arrivals:*"] });
    await expect(unknown).rejects.toMatchObject({ code: "FEATURE_UNKNOWN" });
    // @ts-expect-error -- the key is origin
    const wrongKey = store.read({ entities: [{ airport: "JFK" }], features: ["departures:last_delay"] });
    await expect(wrongKey).rejects.toMatchObject({ code: "ENTITY_KEY_INVALID" });
    // @ts-expect-error -- two views are named departures
    const twice = (): unknown => createFeatureStore({ views: [departures, departures] });
    expect(twice).toThrow(expect.objectContaining({ code: "VIEW_NAME_COLLISION" }));
  });

  it("follow from the definition in a read", async () => {
    const [vector] = await createFeatureStore({ views }).read({
      entities: [{ origin: "JFK" }],
      features: ["departures:*"],
    });
    expectTypeOf(vector!).toEqualTypeOf<{
      readonly "departures:last_delay": Reading<number>;
      readonly "departures:mean_delay_6h": Reading<number>;
      readonly "departures:flights_6h": Reading<number>;
      readonly "departures:minutes_15m": Reading<bigint>;
    }>();
    expect(vector?.["departures:last_delay"].status).toBe("NOT_FOUND");
  });
});

describe("a read", () => {
  const at = 60 * 60_000;

  it("tells present, null, not found, expired and missing values apart", async () => {
    const store = createFeatureStore({ views, clock: manualClock(at) });
    await store.materialize(departures, { until: at });
    const entities = [{ origin: "JFK" }, { origin: "SFO" }, { origin: "LAX" }, { origin: null }];
    const rows = await store.read({ entities, features: ["departures:*", "calendar:hour"] });
    expect(rows[0]).toEqual({
      "departures:last_delay": { status: "PRESENT", value: 40, ageMs: 50 * 60_000 },
      "departures:mean_delay_6h": { status: "PRESENT", value: 22, ageMs: 0 },
      "departures:flights_6h": { status: "PRESENT", value: 2, ageMs: 0 },
      "departures:minutes_15m": { status: "NULL", value: null, ageMs: 0 },
      "calendar:hour": { status: "PRESENT", value: 1, ageMs: 0 },
    });
    expect(rows[1]?.["departures:last_delay"].value).toBe(7);
    expect(rows.slice(2).map((row) => row["departures:flights_6h"].status)).toEqual(["NOT_FOUND", "MISSING_KEY"]);
    const [later] = await store.read({
      entities: [{ origin: "JFK" }],
      features: ["departures:*"],
      at: at + 71 * 60_000,
    });
    expect(later?.["departures:last_delay"]).toEqual({ status: "EXPIRED", value: null, ageMs: 121 * 60_000 });
    expect(later?.["departures:mean_delay_6h"].status).toBe("PRESENT");
  });

  it("equals the training set at the time it was materialised to, step by step", async () => {
    const store = createFeatureStore({ views });
    const stepper = await store.materializer(departures);
    for (const now of [0, 5, 10, 15, 20, 25, 30, 35, 59, 60, 61, 500]) {
      await stepper.advance(now * 60_000);
      const origins = ["JFK", "SFO"];
      const asked = arrowTable({ origin: ["string", origins], date: ["timestamp", origins.map(() => now * minute)] });
      const set = await store.trainingSet({ labels: asked, time: "date", features: ["departures:*"] });
      const entities = origins.map((origin) => ({ origin }));
      const rows = await store.read({ entities, features: ["departures:*"], at: now * 60_000 });
      rows.forEach((row, i) => {
        for (const [name, { status, value }] of Object.entries(row)) {
          const offline = Reflect.get(set.row(i), name) as unknown;
          expect([name, value]).toEqual([name, status === "NOT_FOUND" ? null : offline]);
        }
      });
    }
    await expect(stepper.advance(0)).rejects.toMatchObject({ code: "MATERIALIZE_INVALID" });
  });

  it("goes on from the watermark, and does nothing twice", async () => {
    const store = createFeatureStore({ views });
    expect(await store.materialize(departures, { until: at / 2 })).toEqual({ written: 2, watermark: at / 2 });
    expect(await store.materialize(departures, { until: at / 2 })).toEqual({ written: 0, watermark: at / 2 });
    expect(await store.materialize(departures, { until: at })).toEqual({ written: 2, watermark: at });
    expect(await store.watermark(departures)).toBe(at);
  });
});

describe("the handler", () => {
  async function ask(path: string, body: unknown): Promise<{ status: number; json: Record<string, unknown> }> {
    const at = 60 * 60_000;
    const store = createFeatureStore({ views, clock: manualClock(at) });
    await store.materialize(departures, { until: at });
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const response = await store.handler()(new Request(`http://features${path}`, { method: "POST", body: text }));
    return { status: response.status, json: (await response.json()) as Record<string, unknown> };
  }

  it("answers typed reads", async () => {
    const { status, json } = await ask("/read", { entities: [{ origin: "JFK" }], features: ["departures:last_delay"] });
    expect(status).toBe(200);
    expect(json).toEqual({ rows: [{ "departures:last_delay": { status: "PRESENT", value: 40, ageMs: 3_000_000 } }] });
  });

  it("answers in Feast's shape", async () => {
    const entities = { origin: ["JFK", "LAX", null] };
    const { json } = await ask("/get-online-features", { features: ["departures:last_delay"], entities });
    expect(json).toEqual({
      metadata: { feature_names: ["origin", "last_delay"] },
      results: [
        {
          values: ["JFK", "LAX", null],
          statuses: ["PRESENT", "PRESENT", "PRESENT"],
          event_timestamps: Array(3).fill("1970-01-01T00:00:00.000Z"),
        },
        {
          values: [40, null, null],
          statuses: ["PRESENT", "NOT_FOUND", "NOT_FOUND"],
          event_timestamps: ["1970-01-01T00:10:00.000Z", ...Array<string>(2).fill("1970-01-01T00:00:00.000Z")],
        },
      ],
    });
  });

  it.each([
    ["/read", "{", 400, "REQUEST_INVALID"],
    ["/read", [], 400, "REQUEST_INVALID"],
    ["/read", { features: [], entities: [] }, 400, "REQUEST_INVALID"],
    ["/read", { features: ["departures:*"], entities: [7] }, 400, "REQUEST_INVALID"],
    ["/read", { features: ["departures:*"], entities: [{}] }, 400, "ENTITY_KEY_INVALID"],
    ["/read", { features: ["__proto__:x"], entities: [] }, 400, "FEATURE_UNKNOWN"],
    ["/read", `"${"x".repeat(4_200_000)}"`, 400, "REQUEST_INVALID"],
    ["/get-online-features", { feature_service: "all", entities: {} }, 400, "REQUEST_INVALID"],
    [
      "/get-online-features",
      { features: ["departures:*"], entities: { origin: ["a"], x: [] } },
      400,
      "REQUEST_INVALID",
    ],
    ["/elsewhere", {}, 404, "ROUTE_NOT_FOUND"],
  ])("answers a bad request to %s %# with %d", async (path, body, status, code) => {
    const answer = await ask(path, body);
    expect(answer).toMatchObject({ status, json: { error: { code } } });
  });
});
