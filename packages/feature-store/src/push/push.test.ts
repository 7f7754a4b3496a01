import fc from "fast-check";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { duckdb } from "../offline/duckdb.ts";
import {
  arrow,
  column,
  count,
  countDistinct,
  createFeatureStore,
  entity,
  type FeatureView,
  featureStoreError,
  featureView,
  first,
  fromRows,
  last,
  max,
  mean,
  median,
  memory,
  min,
  type OnlineStore,
  type PushEvent,
  type Reading,
  share,
  stddev,
  sum,
  window,
} from "../index.ts";
import { sqlite } from "../online/sqlite.ts";

const car = entity({ name: "car", key: { car: "string" } });
const second = 1_000;
const clock = { now: () => 10_000 * second, monotonic: () => 0, sleep: async () => undefined };

function trips(rows: readonly PushEvent[]): FeatureView {
  return featureView({
    name: "trips",
    entities: [car],
    source: fromRows("trips", rows),
    eventTime: "at",
    knownAt: "known",
    ttl: "forever",
    push: { id: "id", tile: "7s" },
    features: {
      length: column("length"),
      note: column("note", "string"),
      count: window("10s", count()),
      sum: window("30s", sum("length")),
      mean: window("10s", mean("length")),
      share: window("30s", share(column("length").greaterThan(2))),
      stddev: window("30s", stddev("length")),
      least: window("30s", min("length")),
      greatest: window("10s", max("length")),
      first: window("30s", first("note", "string")),
      last: window("30s", last("note", "string")),
      notes: window("30s", countDistinct("note")),
      median: window("30s", median("length")),
    },
  });
}

const anEvent = fc.record({
  car: fc.constantFrom("a", "b", "c"),
  at: fc.integer({ min: 0, max: 120 }),
  late: fc.integer({ min: 0, max: 15 }),
  length: fc.option(fc.constantFrom(0.1, 0.2, 0.7, 1, 2, 3.25, 1000.5), { nil: null }),
  note: fc.option(fc.constantFrom("x", "ü", ""), { nil: null }),
});

/** Ties of event and known time are settled by the order of arrival, which differs here: none are made. */
const someEvents = fc.array(anEvent, { minLength: 1, maxLength: 60 }).map((events): PushEvent[] =>
  events.map(({ car: name, at, late, length, note }, i) => ({
    id: `event ${i}`,
    car: name,
    at: new Date(at * second + i),
    known: new Date((at + late) * second + i),
    length,
    note,
  })),
);

async function answers(view: FeatureView, online: OnlineStore, at: number): Promise<unknown> {
  const store = createFeatureStore({ views: [view], online, clock });
  const rows = await store.read({
    entities: ["a", "b", "c", "none"].map((name) => ({ car: name })),
    features: ["trips:*"],
    at,
  });
  return rows.map((row) =>
    Object.values<Reading>(row).map(({ status, value }) => (status === "NOT_FOUND" ? "nothing" : value)),
  );
}

/** What the point-in-time join says of the same rows; of an entity without a row nothing. */
async function truth(rows: readonly PushEvent[], at: number): Promise<unknown> {
  // A row of nobody asked for, so that no column is without a value and thereby without a type.
  const nobody = { id: "nobody", car: "other", at: new Date(0), known: new Date(0), length: 0.5, note: "x" };
  const view = trips([...rows, nobody]);
  const names = ["a", "b", "c", "none"];
  const labels = fromRows(
    "labels",
    names.map((name) => ({ car: name, at: new Date(at) })),
  );
  const set = await createFeatureStore({ views: [view], offline: arrow() }).trainingSet({
    labels,
    time: "at",
    features: ["trips:*"],
  });
  return names.map((name, i) => {
    const values = Object.entries(set.row(i))
      .filter(([feature]) => feature.startsWith("trips:"))
      .map(([, value]) => value);
    return rows.some((row) => row["car"] === name) ? values : values.map(() => "nothing");
  });
}

describe("push", () => {
  it("counts nothing of an entity whose only event lies ahead, and 0 of one whose event left the window", async () => {
    await using online = memory();
    const view = trips([]);
    const store = createFeatureStore({ views: [view], online, clock });
    const event = (name: string, at: number): PushEvent => ({
      id: name,
      car: name,
      at: new Date(at),
      known: new Date(at),
      length: 1,
      note: "x",
    });
    const now = clock.now();
    await store.push(view, [event("ahead", now + 30 * second), event("old", now - 300 * second)]);
    const asked = { entities: [{ car: "ahead" }, { car: "old" }], features: ["trips:count"], at: now } as const;
    const rows = await store.read(asked as never);
    expect(rows.map((row) => (row as Record<string, Reading>)["trips:count"])).toEqual([
      { status: "NULL", value: null, ageMs: 0 },
      { status: "PRESENT", value: 0, ageMs: 0 },
    ]);
    expect((await store.readColumns(asked as never)).rows()).toEqual(rows);
  });

  it("comes to what the point-in-time join says, in whatever order, however often and by how many events are pushed", async () => {
    const property = fc.asyncProperty(
      someEvents,
      fc.array(fc.nat(), { maxLength: 20 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 0, max: 40 }),
      fc.infiniteStream(fc.nat()),
      async (events, repeats, size, after, order) => {
        const view = trips([]);
        await using online = memory();
        const stores = [0, 1].map(() => createFeatureStore({ views: [view], online, clock }));
        const all = [...events, ...repeats.map((i) => events[i % events.length] as PushEvent)];
        const shuffled = all
          .map((event) => [order.next().value as number, event] as const)
          .toSorted(([a], [b]) => a - b)
          .map(([, event]) => event);
        const pushers = stores.map(async (store, i) => {
          for (let at = i * size; at < shuffled.length; at += 2 * size)
            await store.push(view, shuffled.slice(at, at + size));
        });
        await Promise.all(pushers);
        const newest = Math.max(...events.map(({ known }) => (known as Date).getTime()));
        const at = newest + after * second;
        expect(await answers(view, online, at)).toEqual(await truth(events, at));
      },
    );
    await fc.assert(property, { numRuns: 150 });
  });

  it("counts what is new, what came before and what is too late", async () => {
    const view = trips([]);
    const store = createFeatureStore({ views: [view], clock });
    const event = (id: string, at: number): PushEvent => {
      const time = new Date(at * second);
      return { id, car: "a", at: time, known: time, length: 1, note: null };
    };
    const [one, two] = [event("1", 100), event("2", 101)];
    expect(await store.push(view, [one, two, one])).toEqual({ accepted: 2, duplicates: 1, late: 0 });
    expect(await store.push(view, [two])).toEqual({ accepted: 0, duplicates: 1, late: 0 });
    expect(await store.push(view, [event("3", 900), event("4", 30)])).toEqual({ accepted: 2, duplicates: 0, late: 0 });
    // The ring holds fifteen tiles of seven seconds: the place of the 795th second is the 900th's now.
    expect(await store.push(view, [event("5", 900 - 15 * 7)])).toEqual({ accepted: 0, duplicates: 0, late: 1 });
    expect(await store.push(view, [])).toEqual({ accepted: 0, duplicates: 0, late: 0 });
    const old = store.read({ entities: [{ car: "a" }], features: ["trips:count"], at: 796 * second });
    await expect(old).rejects.toMatchObject({ code: "READ_TOO_OLD" });
  });

  it("shows all of a window though another clock runs ahead by almost a minute", async () => {
    const view = trips([]);
    const store = createFeatureStore({ views: [view], clock });
    const now = clock.now();
    const event = (id: number, at: number): PushEvent => {
      const time = new Date(at);
      return { id, car: "a", at: time, known: time, length: 1, note: null };
    };
    const seconds = Array.from({ length: 90 }, (_, i) => event(i, now - (29 - i) * second));
    await store.push(view, seconds);
    const [row] = await store.read({ entities: [{ car: "a" }], features: ["trips:sum"], at: now });
    expect(row?.["trips:sum"]).toEqual({ status: "PRESENT", value: 30, ageMs: 0 });
  });

  it("settles events of one event and known time by their arrival, however often the earlier comes again", async () => {
    const view = trips([]);
    const store = createFeatureStore({ views: [view], clock });
    const at = new Date(9_990 * second);
    const event = (n: number): PushEvent => ({ id: `event ${n}`, car: "a", at, known: at, length: n, note: "x" });
    const length = async (): Promise<unknown> => {
      const [row] = await store.read({ entities: [{ car: "a" }], features: ["trips:*"] });
      return (row as Record<string, Reading>)["trips:length"]?.value;
    };
    for (const [events, wanted] of [
      [[event(1), event(2)], 2],
      [[event(1)], 2],
      [[event(3)], 3],
      [[event(2), event(1)], 3],
      [[event(1), event(4), event(3)], 4],
    ] as const) {
      await store.push(view, events);
      expect(await length()).toBe(wanted);
    }
    // History that has them too does not settle them anew.
    const rows = [event(1), event(2), event(3), event(4)];
    const whole = createFeatureStore({ views: [trips(rows)], clock });
    await whole.push(whole.views[0], rows);
    await whole.push(whole.views[0], [event(2)]);
    await whole.materialize(whole.views[0], { until: 10_000 * second });
    const [row] = await whole.read({ entities: [{ car: "a" }], features: ["trips:*"] });
    expect((row as Record<string, Reading>)["trips:length"]?.value).toBe(4);
  });

  it("settles events of one moment by their ids in a view without windows, in whatever order they come, and by history after", async () => {
    const plain = (rows: readonly PushEvent[]): FeatureView =>
      featureView({
        name: "plain",
        entities: [car],
        source: fromRows("plain", rows),
        eventTime: "at",
        ttl: "forever",
        push: { id: "id" },
        features: { length: column("length") },
      });
    const at = new Date(9_990 * second);
    const events = Array.from({ length: 6 }, (_, n): PushEvent => ({ id: `event ${n}`, car: "a", at, length: n }));
    const lengthOf = async (store: ReturnType<typeof createFeatureStore>): Promise<unknown> => {
      const [row] = await store.read({ entities: [{ car: "a" }], features: ["plain:length"] } as never);
      return (row as Record<string, Reading>)["plain:length"]?.value;
    };
    const found = new Set<unknown>();
    const orders = fc.asyncProperty(fc.array(fc.nat(5), { maxLength: 20 }), fc.nat(5), async (order, size) => {
      const store = createFeatureStore({ views: [plain([])], clock });
      const given = [...order, 0, 1, 2, 3, 4, 5].map((n) => events[n] as PushEvent);
      for (let i = 0; i < given.length; i += size + 1)
        await store.push(store.views[0] as FeatureView, given.slice(i, i + size + 1));
      found.add(await lengthOf(store));
    });
    await fc.assert(orders, { numRuns: 60 });
    expect(found.size).toBe(1);
    // The table has an order of its own: what is ingested last is last, as in training.
    const history = plain([3, 5, 0, 4, 2, 1].map((n) => events[n] as PushEvent));
    const store = createFeatureStore({ views: [history], clock });
    await store.push(history, events);
    await store.materialize(history, { until: 10_000 * second });
    expect(await lengthOf(store)).toBe(1);
    await store.push(history, events.toReversed());
    expect(await lengthOf(store)).toBe(1);
  });

  it("lets a correction win: the same event time, known later", async () => {
    const view = trips([]);
    const store = createFeatureStore({ views: [view], clock });
    const event = (id: string, known: number, length: number): PushEvent => ({
      id,
      car: "a",
      at: new Date(100 * second),
      known: new Date(known * second),
      length,
      note: null,
    });
    await store.push(view, [event("correction", 105, 2)]);
    await store.push(view, [event("first report", 100, 1)]);
    const [row] = await store.read({
      entities: [{ car: "a" }],
      features: ["trips:length", "trips:count"],
      at: 106 * second,
    });
    expect(row).toEqual({
      "trips:length": { status: "PRESENT", value: 2, ageMs: 6 * second },
      "trips:count": { status: "PRESENT", value: 2, ageMs: 0 },
    });
  });

  it.each([
    ["arrow()", arrow()],
    ["duckdb()", duckdb()],
  ])("takes history from the source by %s, and what was pushed of it once", async (_, offline) => {
    const rows = Array.from({ length: 400 }, (_unused, i): PushEvent => {
      const at = new Date(i * second);
      return {
        id: `${i}`,
        car: "abc"[i % 3] as string,
        at,
        known: new Date((i + (i % 5)) * second),
        length: i / 7,
        note: `${i % 4}`,
      };
    });
    const view = trips(rows);
    await using online = memory();
    const store = createFeatureStore({ views: [view], online, offline, clock });
    await store.push(view, rows.slice(350, 380));
    await store.materialize(view, { until: 300 * second });
    await store.materialize(view, { until: 390 * second });
    await store.push(view, rows.slice(370));
    expect(await answers(view, online, 404 * second)).toEqual(await truth(rows, 404 * second));
    expect(await store.watermark(view)).toBe(390 * second);
  });

  it.each([
    ["no id", { id: null }, "its id"],
    ["a key of another type", { car: 5 }, "its key"],
    ["no time", { at: null }, "no Date"],
    ["a time to come", { at: new Date(11_000 * second) }, "future"],
    ["no value at all", { length: undefined }, "nothing in"],
  ])("refuses %s before any event has an effect", async (_, wrong, rule) => {
    const view = trips([]);
    const store = createFeatureStore({ views: [view], clock });
    const good: PushEvent = { id: "1", car: "a", at: new Date(1), known: new Date(2), length: 1, note: "x" };
    const pushed = store.push(view, [good, { ...good, id: "2", ...wrong }]);
    await expect(pushed).rejects.toMatchObject({
      code: "PUSH_INVALID",
      details: { row: 1, rule: expect.stringContaining(rule) },
    });
    const [row] = await store.read({ entities: [{ car: "a" }], features: ["trips:count"], at: 3 });
    expect(row?.["trips:count"]?.status).toBe("NOT_FOUND");
    const mistyped = store.push(view, [{ ...good, length: "long" }]);
    await expect(mistyped).rejects.toMatchObject({ code: "COLUMN_TYPE_MISMATCH" });
  });

  it("refuses a view without a push source, windows without an end and tiles that are too many", async () => {
    const base = { name: "v", entities: [car], source: fromRows("v", []), eventTime: "at", ttl: "1d" } as const;
    const plain = featureView({ ...base, features: { length: column("length") } });
    const store = createFeatureStore({ views: [plain], clock });
    await expect(store.push(plain, [])).rejects.toMatchObject({ code: "PUSH_INVALID" });
    const invalid = expect.objectContaining({ code: "DEFINITION_INVALID" });
    const endless = { kind: "window", width: Infinity, of: count(), type: "int32" } as const;
    expect(() => featureView({ ...base, push: { id: "id" }, features: { endless } })).toThrow(invalid);
    const features = { count: window("1d", count()) };
    expect(() => featureView({ ...base, push: { id: "id", tile: "1s" }, features })).toThrow(invalid);
    expect(() => featureView({ ...base, push: { id: "" }, features })).toThrow(invalid);
    expect(featureView({ ...base, push: { id: "id" }, features }).push).toMatchObject({
      tile: 3 * 3_600_000_000,
      tiles: 11,
    });
  });

  it("names a tile that is full, and a store where others are always first", async () => {
    const view = trips([]);
    const note = "x".repeat(50_000);
    const event: PushEvent = { id: "1", car: "a", at: new Date(1), known: new Date(2), length: 1, note };
    const store = createFeatureStore({ views: [view], clock });
    const six = Array.from({ length: 6 }, (_, i) => ({ ...event, id: `${i}` }));
    await expect(store.push(view, six)).rejects.toMatchObject({ code: "TILE_FULL" });
    await store.push(view, six.slice(0, 4));
    const online = memory();
    const contended = { ...online, exchange: async () => [false] };
    const another = createFeatureStore({ views: [view], online: contended, clock });
    await expect(another.push(view, [event])).rejects.toMatchObject({ code: "PUSH_CONFLICT", retryable: true });
  });

  it("consumes a stream: asks for the next batch when the last is durable, and tries again while the store is away", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ashlar-push-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await using online = sqlite({ path: join(folder, "online.db") });
    const view = trips([]);
    let failures = 3;
    const flaky: OnlineStore = {
      ...online,
      async exchange(...given) {
        const result = await online.exchange(...given);
        // The answer is lost on its way: the store did what was asked, and the pusher cannot know.
        if (failures-- <= 0) return result;
        throw featureStoreError("ONLINE_STORE_UNAVAILABLE", { store: "x", operation: "exchange", reason: "cut off" });
      },
    };
    const store = createFeatureStore({ views: [view], online: flaky, clock });
    const kept = new Set<unknown>();
    const at = new Date(50 * second);
    async function* stream(): AsyncIterable<PushEvent[]> {
      for (let i = 0; i < 5; i++) {
        expect(kept.size).toBe(2 * i);
        yield [2 * i, 2 * i + 1].map((id) => ({ id, car: "a", at, known: at, length: id, note: null }));
      }
    }
    const sink = async (events: readonly PushEvent[]): Promise<void> => {
      for (const { id } of events) kept.add(id);
    };
    // The first batch was counted as new when its answer was lost, and as known when it was pushed again.
    expect(await store.consume(view, stream(), { sink })).toEqual({ accepted: 8, duplicates: 2, late: 0 });
    const [row] = await store.read({ entities: [{ car: "a" }], features: ["trips:sum"], at: 51 * second });
    expect(row?.["trips:sum"]).toEqual({ status: "PRESENT", value: 45, ageMs: 0 });
  });
});
