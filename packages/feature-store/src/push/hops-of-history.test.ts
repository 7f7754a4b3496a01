import { describe, expect, it } from "vitest";
import { event, trips, values } from "../../test/hopping.ts";
import { clockAt, held, second } from "../../test/pushed.ts";
import { duckdb } from "../offline/duckdb.ts";
import {
  approxCountDistinct,
  arrow,
  createFeatureStore,
  entity,
  type FeatureView,
  featureView,
  fromRows,
  last,
  memory,
  type PushEvent,
  type Reading,
  stddev,
  sum,
  window,
} from "../index.ts";

describe("a pushed view with windows that hop, and its history", () => {
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
});
