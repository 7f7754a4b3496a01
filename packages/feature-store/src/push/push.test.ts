import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clock, trips } from "../../test/plain-trips.ts";
import { answersOf, car, second, truthOf } from "../../test/pushed.ts";
import { duckdb } from "../offline/duckdb.ts";
import {
  arrow,
  column,
  createFeatureStore,
  type FeatureView,
  featureView,
  fromRows,
  memory,
  type OnlineStore,
  type PushEvent,
  type Reading,
} from "../index.ts";

const names = ["a", "b", "c", "none"];

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

const answers = (view: FeatureView, online: OnlineStore, at: number): Promise<unknown> =>
  answersOf(view, online, names, at);

const nobody = { id: "nobody", car: "other", at: new Date(0), known: new Date(0), length: 0.5, note: "x" };

const truth = (rows: readonly PushEvent[], at: number): Promise<unknown> => truthOf(trips, { rows, nobody }, names, at);

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
});
