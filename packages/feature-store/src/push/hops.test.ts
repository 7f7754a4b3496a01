import { isAshlarError } from "@ashlar/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { duckdb } from "../offline/duckdb.ts";
import {
  approxCountDistinct,
  approxQuantile,
  arrow,
  column,
  count,
  countDistinct,
  createFeatureStore,
  entity,
  featureStoreError,
  featureView,
  type FeatureView,
  first,
  fromRows,
  last,
  max,
  mean,
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
import { tileLayoutOf } from "./push.ts";
import { tileNamespace } from "./tile-ring.ts";

const second = 1_000;
const car = entity({ name: "car", key: { car: "string" } });
const names = ["a", "b", "none"];

/** A clock that is set. */
const clockAt = (start: number) => {
  const clock = { time: start, now: () => clock.time, monotonic: () => 0, sleep: async () => undefined };
  return clock;
};

const short = { hop: "3s" } as const;
const long = { hop: "6s" } as const;

/** Windows that hop by three and by six seconds, exact ones, and tiles of twelve. */
function trips(rows: readonly PushEvent[]): FeatureView {
  return featureView({
    name: "trips",
    entities: [car],
    source: fromRows("trips", rows),
    eventTime: "at",
    knownAt: "known",
    ttl: "forever",
    push: { id: "id", tile: "12s", allowedLateness: "7s" },
    features: {
      length: column("length"),
      count: window("60s", count(), short),
      sum: window("60s", sum("length"), long),
      mean: window("30s", mean("length"), short),
      share: window("60s", share(column("length").greaterThan(2)), short),
      named: window("60s", share(column("note").equals("x")), long),
      stddev: window("60s", stddev("length"), short),
      least: window("60s", min("length"), short),
      greatest: window("30s", max("length"), long),
      first: window("60s", first("note", "string"), short),
      last: window("60s", last("note", "string"), long),
      about: window("60s", approxCountDistinct("note"), short),
      near: window("60s", approxQuantile("length", 0.6), short),
      whole: window("60s", sum("places", "int64"), short),
      newest: window("60s", max("when", "timestamp"), short),
      // These want events themselves.
      now: window("5s", count()),
      notes: window("6s", countDistinct("note"), short),
    },
  });
}

const anEvent = fc.record({
  car: fc.constantFrom("a", "b"),
  at: fc.integer({ min: 0, max: 150 }),
  late: fc.constantFrom(0, 0, 0, 1, 5, 40),
  slow: fc.integer({ min: 0, max: 3 }),
  length: fc.option(fc.constantFrom(0.1, 0.2, -0, 0.7, 3.25, 1e17, -1e17, NaN, Infinity), { nil: null }),
  note: fc.option(fc.constantFrom("x", "ü", ""), { nil: null }),
});

interface Delivery {
  readonly event: PushEvent;
  /** Epoch milliseconds. */
  readonly by: number;
}

/** Ties of event and known time are settled by the order of arrival, which differs here: none are made. */
const someDeliveries = fc
  .tuple(
    fc.array(anEvent, { minLength: 1, maxLength: 60 }),
    fc.array(fc.tuple(fc.nat(), fc.nat(60)), { maxLength: 25 }),
  )
  .map(([drawn, repeats]): Delivery[] => {
    const firsts = drawn.map(({ car: name, at, late, slow, length, note }, i): Delivery => {
      const known = (at + late) * second + i;
      const places = note === null ? null : 2n ** 54n + BigInt(i);
      const when = note === "" ? null : new Date(at * second);
      const event = {
        id: `event ${i}`,
        car: name,
        at: new Date(at * second + i),
        known: new Date(known),
        length,
        note,
        places,
        when,
      };
      return { event, by: known + slow * second };
    });
    const again = repeats.map(([i, after]): Delivery => {
      const { event, by } = firsts[i % firsts.length] as Delivery;
      return { event, by: by + after * second };
    });
    return [...firsts, ...again].toSorted((a, b) => a.by - b.by);
  });

async function answers(view: FeatureView, online: OnlineStore, at: number): Promise<unknown> {
  const store = createFeatureStore({ views: [view], online });
  const rows = await store.read({ entities: names.map((name) => ({ car: name })), features: ["trips:*"], at });
  return rows.map((row) =>
    Object.entries<Reading>(row).map(([name, { status, value }]) => [name, status === "NOT_FOUND" ? "nothing" : value]),
  );
}

const old = new Date(0);
/** A row of one that nobody asks for, so that no column is without a value and thereby without a type. */
const nobody = { id: "nobody", car: "other", at: old, known: old, length: 0.5, note: "x", places: 1n, when: old };

/** What the point-in-time join says of the rows that were known by then; of an entity without one, nothing. */
async function truth(rows: readonly PushEvent[], at: number): Promise<unknown> {
  const view = trips([...rows, nobody]);
  const labels = fromRows(
    "labels",
    names.map((name) => ({ car: name, at: new Date(at) })),
  );
  const asked = { labels, time: "at", features: ["trips:*"] } as const;
  const set = await createFeatureStore({ views: [view] }).trainingSet(asked);
  return names.map((name, i) =>
    Object.entries(set.row(i))
      .filter(([feature]) => feature.startsWith("trips:"))
      .map(([feature, value]) => [feature, rows.some((row) => row["car"] === name) ? value : "nothing"]),
  );
}

/** A store of which every third exchange fails, once it is done or before. */
function failing(online: OnlineStore, begin: number): OnlineStore {
  let calls = begin;
  return {
    ...online,
    async exchange(...given) {
      if (++calls % 3 > 0) return await online.exchange(...given);
      if (calls % 2 === 0) await online.exchange(...given);
      throw featureStoreError("ONLINE_STORE_UNAVAILABLE", { store: "x", operation: "exchange", reason: "cut off" });
    },
  };
}

async function untilDone(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return void (await work());
    } catch (error) {
      if (!isAshlarError(error, "ONLINE_STORE_UNAVAILABLE") || attempt === 20) throw error;
    }
  }
}

/** How many events and how many hops the tiles of a view hold. */
async function held(view: FeatureView, online: OnlineStore): Promise<{ events: number; hops: number }> {
  const layout = tileLayoutOf(view);
  let [events, hops] = [0, 0];
  for await (const entries of online.scan(tileNamespace(view))) {
    for (const { vector } of entries) {
      layout.read(vector, () => events++);
      hops += [...layout.hops(vector)].length;
    }
  }
  return { events, hops };
}

describe("a pushed view with windows that hop", () => {
  it("comes to what the point-in-time join says, whatever is late, repeated, and pushed by two at once", async () => {
    const property = fc.asyncProperty(someDeliveries, fc.integer({ min: 1, max: 12 }), async (deliveries, size) => {
      await using online = memory();
      const clock = clockAt(0);
      const view = trips([]);
      const stores = [0, 1].map(() => createFeatureStore({ views: [view], online, clock }));
      const told = new Map<unknown, PushEvent>();
      const total = { accepted: 0, late: 0 };
      for (let from = 0; from < deliveries.length; from += size) {
        const batch = deliveries.slice(from, from + size);
        clock.time = Math.max(clock.time, (batch.at(-1) as Delivery).by);
        // One of a batch that waited too long for it would be late: it is not pushed at all.
        const due = batch.filter(({ event }) => {
          const since = clock.time - (event["known"] as Date).getTime();
          return told.has(event["id"]) || since <= 7 * second;
        });
        for (const { event } of due) told.set(event["id"], event);
        const halves = [0, 1].map((half) => due.filter((_, i) => i % 2 === half).map(({ event }) => event));
        const results = await Promise.all(stores.map((store, i) => store.push(view, halves[i] ?? [])));
        for (const result of results) {
          total.accepted += result.accepted;
          total.late += result.late;
        }
        const at = clock.time + (from % 5) * second;
        expect(await answers(view, online, at)).toEqual(await truth([...told.values()], at));
      }
      expect(total.accepted).toBe(told.size);
      // Repeats of what was merged, and nothing else.
      expect(total.late).toBeLessThanOrEqual(deliveries.length - told.size);
      const after = clock.time + 20 * second;
      expect(await answers(view, online, after)).toEqual(await truth([...told.values()], after));
    });
    await fc.assert(property, { numRuns: 60 });
  }, 120_000);

  it("comes to what history has, whenever it is materialised among pushes of most of it, and whatever fails on the way", async () => {
    const property = fc.asyncProperty(someDeliveries, fc.integer({ min: 1, max: 12 }), async (deliveries, size) => {
      await using online = memory();
      const clock = clockAt(0);
      const all = [...new Map(deliveries.map(({ event }) => [event["id"], event])).values()];
      for (let from = 0; from < deliveries.length; from += size) {
        const batch = deliveries.slice(from, from + size);
        clock.time = Math.max(clock.time, (batch.at(-1) as Delivery).by);
        const told = all.filter(({ known }) => (known as Date).getTime() <= clock.time);
        const view = trips([...told, nobody]);
        const store = createFeatureStore({ views: [view], online: failing(online, from), clock });
        // One in four is never pushed, and some come so late that they count only once they are history.
        const pushed = batch.map(({ event }) => event).filter(({ id }) => Number(String(id).slice(6)) % 4 > 0);
        await untilDone(() => store.push(view, pushed));
        if ((from / size) % 3 === 2) continue;
        await untilDone(() => store.materialize(view, { until: clock.time }));
        expect(await answers(view, online, clock.time)).toEqual(await truth(told, clock.time));
      }
    });
    await fc.assert(property, { numRuns: 40 });
  }, 120_000);

  it("keeps events for a while, then their hops alone", async () => {
    await using online = memory();
    const clock = clockAt(0);
    const view = trips([]);
    const store = createFeatureStore({ views: [view], online, clock });
    const rows = Array.from({ length: 1_200 }, (_, i): PushEvent => {
      const at = new Date(i * 100);
      return { id: `${i}`, car: "a", at, known: at, length: i / 7, note: `${i % 9}`, places: BigInt(i), when: at };
    });
    for (let i = 0; i < rows.length; i += 40) {
      clock.time = (i + 39) * 100;
      await store.push(view, rows.slice(i, i + 40));
    }
    const { events, hops } = await held(view, online);
    // Seven seconds of lateness, the window of six that wants events and its hop of three, what is left of a hop and a tile.
    expect(events).toBeLessThan(310);
    expect(hops).toBeGreaterThan(40);
    expect(await answers(view, online, clock.time)).toEqual(await truth(rows, clock.time));
  });

  const event = (id: string, at: number, known: number, length: number | null = 1): PushEvent => ({
    id,
    car: "a",
    at: new Date(at * second),
    known: new Date(known * second),
    length,
    note: "x",
    places: 1n,
    when: null,
  });

  const values = async (
    store: ReturnType<typeof createFeatureStore>,
    at?: number,
  ): Promise<Record<string, unknown>> => {
    const asked = { entities: [{ car: "a" }], features: ["trips:*"] as const, ...(at === undefined ? {} : { at }) };
    const [row] = (await store.read(asked as never)) as Record<string, Reading>[];
    return Object.fromEntries(Object.entries(row ?? {}).map(([name, { value }]) => [name.slice(6), value]));
  };

  it("counts what comes too late to be told from what was merged, and takes it in from history", async () => {
    const clock = clockAt(40 * second);
    const rows = [event("1", 5, 5), event("2", 38, 38), event("3", 6, 6), event("4", 7, 39)];
    const view = trips(rows);
    const store = createFeatureStore({ views: [view], clock });
    // It happened long ago and is known by now: a correction, not a latecomer.
    expect(await store.push(view, [rows[1], rows[3]] as PushEvent[])).toEqual({ accepted: 2, duplicates: 0, late: 0 });
    expect(await store.push(view, [rows[0], rows[1]] as PushEvent[])).toEqual({ accepted: 0, duplicates: 1, late: 1 });
    expect(await values(store)).toMatchObject({ count: 2, sum: 2, now: 1 });
    await store.materialize(view, { until: 40 * second });
    expect(await values(store)).toMatchObject({ count: 4, sum: 4, now: 1 });
    await store.push(view, rows);
    expect(await values(store)).toMatchObject({ count: 4, sum: 4, now: 1 });
  });

  it("takes events as late as is allowed though the clock of another who pushes runs ahead by hours", async () => {
    const view = trips([]);
    await using online = memory();
    const [right, ahead] = [clockAt(0), clockAt(9_999 * second)];
    const stores = [right, ahead].map((clock) => createFeatureStore({ views: [view], online, clock }));
    const accepted: unknown[] = [];
    for (let at = 1; at <= 200; at++) {
      right.time = at * second;
      for (const [i, store] of stores.entries())
        accepted.push((await store.push(view, [event(`${at} ${i}`, at - 5 * i, at - 5 * i)])).accepted);
    }
    expect(accepted.every((each) => each === 1)).toBe(true);
    expect(await values(stores[0] as (typeof stores)[0])).toMatchObject({ count: 63 + 58 });
  });

  it("keeps the order of arrival of events of one moment when they are merged", async () => {
    const clock = clockAt(10 * second);
    const view = trips([]);
    const store = createFeatureStore({ views: [view], clock });
    const tied = (id: string, note: string): PushEvent => ({ ...event(id, 9, 9), note });
    await store.push(view, [tied("1", "one"), tied("2", "two")]);
    await store.push(view, [tied("3", "three"), tied("1", "one")]);
    expect(await values(store)).toMatchObject({ first: "one", last: "three" });
    clock.time = 50 * second;
    await store.push(view, [{ ...event("4", 50, 50), note: null }]);
    expect(await values(store)).toMatchObject({ first: "one", last: "three", count: 4 });
  });

  it("refuses a sum of integers that 64 bits cannot hold, as history does, merged or not", async () => {
    const clock = clockAt(10 * second);
    const view = trips([]);
    const store = createFeatureStore({ views: [view], clock });
    const places = 2n ** 62n;
    await store.push(view, [
      { ...event("1", 9, 9), places },
      { ...event("2", 10, 10), places },
    ]);
    await expect(values(store)).rejects.toMatchObject({ code: "VALUE_OUT_OF_RANGE" });
    clock.time = 40 * second;
    await store.push(view, [{ ...event("3", 40, 40), places: -1n }]);
    expect(await values(store)).toMatchObject({ whole: 2n ** 63n - 1n });
  });

  it("lets a correction of what was merged win: the same event time, known later", async () => {
    const clock = clockAt(10 * second);
    const view = trips([]);
    const store = createFeatureStore({ views: [view], clock });
    await store.push(view, [{ ...event("1", 9, 9), note: "first report" }]);
    clock.time = 40 * second;
    await store.push(view, [event("2", 40, 40)]);
    await store.push(view, [{ ...event("3", 9, 39, 7), note: "correction" }]);
    clock.time = 60 * second;
    await store.push(view, [event("4", 60, 60, null)]);
    expect(await values(store, 64 * second)).toMatchObject({ first: "first report", count: 4, sum: 9, greatest: 1 });
    expect((await values(store, 64 * second))["last"]).toBe("x");
  });

  it("reads as of a moment while events are told apart, and says when they no longer are", async () => {
    const clock = clockAt(0);
    const view = trips([]);
    const store = createFeatureStore({ views: [view], clock });
    for (let at = 1; at <= 60; at++) {
      clock.time = at * second;
      await store.push(view, [event(`${at}`, at, at)]);
    }
    for (const ago of [0, 1, 7]) expect(await values(store, (60 - ago) * second)).toMatchObject({ count: 60 - ago });
    await expect(values(store, 40 * second)).rejects.toMatchObject({ code: "READ_TOO_OLD" });
  });

  it.each([
    ["arrow()", arrow],
    ["duckdb()", duckdb],
  ])("takes years of history from the source by %s, and what was pushed of it once", async (_, offline) => {
    const day = 86_400 * second;
    const rows = Array.from({ length: 900 }, (_unused, i): PushEvent => {
      const at = i * day + (i % 5) * 1000;
      return { id: `${i}`, user: "abc"[i % 3] as string, at: new Date(at), spent: i / 7, page: `${i % 40}` };
    });
    const years = (given: readonly PushEvent[]): FeatureView =>
      featureView({
        name: "years",
        entities: [entity({ name: "user", key: { user: "string" } })],
        source: fromRows("years", given),
        eventTime: "at",
        ttl: "forever",
        push: { id: "id", allowedLateness: "3d" },
        features: {
          spent: window("730d", sum("spent"), { hop: "auto" }),
          deviation: window("365d", stddev("spent"), { hop: "7d" }),
          pages: window("365d", approxCountDistinct("page"), { hop: "1d" }),
          last: window("365d", last("page", "string"), { hop: "1d" }),
        },
      });
    const view = years(rows);
    await using online = memory();
    const clock = clockAt(0);
    const store = createFeatureStore({ views: [view], online, offline: offline(), clock });
    const pushAll = async (some: readonly PushEvent[]): Promise<void> => {
      for (const row of some) {
        clock.time = (row["at"] as Date).getTime();
        await store.push(view, [row]);
      }
    };
    await pushAll(rows.slice(600, 880));
    await store.materialize(view, { until: 500 * day });
    await store.materialize(view, { until: 879 * day });
    await pushAll(rows.slice(877));
    const { events } = await held(view, online);
    expect(events).toBeLessThan(60);
    const entities = ["a", "b", "c"].map((user) => ({ user }));
    const found = await store.read({ entities, features: ["years:*"], at: clock.time } as never);
    const labels = fromRows(
      "labels",
      entities.map(({ user }) => ({ user, at: new Date(clock.time) })),
    );
    const set = await createFeatureStore({ views: [view] }).trainingSet({ labels, time: "at", features: ["years:*"] });
    found.forEach((row, i) => {
      const read = Object.entries<Reading>(row).map(([name, { value }]) => [name, value]);
      expect(set.row(i)).toMatchObject(Object.fromEntries(read));
    });
  });

  it("takes no older history for what was merged since it was read, and keeps what no table has yet", async () => {
    const clock = clockAt(10 * second);
    await using online = memory();
    const rows = [event("1", 2, 2), event("2", 8, 8)];
    // The first row is history alone, the third was pushed and is in no table yet.
    const view = trips(rows);
    const store = createFeatureStore({ views: [view], online, clock });
    await store.push(view, [rows[1] as PushEvent, event("3", 9, 9)]);
    const older = await store.materializer(view);
    clock.time = 32 * second;
    await store.materialize(view, { until: 32 * second });
    expect(await values(store)).toMatchObject({ count: 3, sum: 3 });
    expect((await held(view, online)).events).toBe(0);
    await expect(older.advance(32 * second)).rejects.toMatchObject({ code: "HISTORY_STALE", retryable: true });
    expect(await values(store)).toMatchObject({ count: 3, sum: 3 });
  });

  it("refuses tiles that cut a hop, and hops that no tile could hold", () => {
    const base = { name: "v", entities: [car], source: fromRows("v", []), eventTime: "at", ttl: "1d" } as const;
    const invalid = expect.objectContaining({ code: "DEFINITION_INVALID" });
    const day = window("1d", count(), { hop: "1h" });
    expect(() => featureView({ ...base, push: { id: "id", tile: "90m" }, features: { day } })).toThrow(invalid);
    const odd = { day, odd: window("1d", sum("x"), { hop: "25499s" }) };
    expect(() => featureView({ ...base, push: { id: "id" }, features: odd })).toThrow(invalid);
    const { push } = featureView({ ...base, push: { id: "id" }, features: { day } });
    expect(push).toMatchObject({ tile: 4 * 3_600_000_000, keep: 3_600_000_000, hop: 3_600_000_000 });
    // Of windows so short that events outlast them nothing is merged.
    const brief = { brief: window("30m", count(), { hop: "5m" }) };
    expect(featureView({ ...base, push: { id: "id" }, features: brief }).push).toMatchObject({ keep: Infinity });
  });
});
