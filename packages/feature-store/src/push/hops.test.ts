import { isAshlarError } from "@ashlar/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { trips } from "../../test/hopping.ts";
import { answersOf, clockAt, held, second, truthOf } from "../../test/pushed.ts";
import {
  createFeatureStore,
  featureStoreError,
  type FeatureView,
  memory,
  type OnlineStore,
  type PushEvent,
} from "../index.ts";

const names = ["a", "b", "none"];

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

const answers = (view: FeatureView, online: OnlineStore, at: number): Promise<unknown> =>
  answersOf(view, online, names, at);

const old = new Date(0);
const nobody = { id: "nobody", car: "other", at: old, known: old, length: 0.5, note: "x", places: 1n, when: old };

const truth = (rows: readonly PushEvent[], at: number): Promise<unknown> => truthOf(trips, { rows, nobody }, names, at);

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
});
