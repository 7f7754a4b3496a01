import { describe, expect, it } from "vitest";
import { event, trips, values } from "../../test/hopping.ts";
import { car, clockAt, second } from "../../test/pushed.ts";
import { count, createFeatureStore, featureView, fromRows, memory, type PushEvent, sum, window } from "../index.ts";

describe("events that are merged", () => {
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
