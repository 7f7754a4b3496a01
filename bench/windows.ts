import { deepStrictEqual } from "node:assert";
import { join } from "node:path";
import {
  count,
  createFeatureStore,
  entity,
  featureView,
  fromRows,
  max,
  mean,
  type PushEvent,
  type Reading,
  stddev,
  sum,
  window,
} from "@ashlar/feature-store";
import { lmdb } from "@ashlar/feature-store/lmdb";
import { type Bench, rate } from "./harness.ts";

const hour = 3_600_000;
const span = 7 * 24 * hour;
/** An hour begins here, so that at the end of a week a window that hops holds what an exact one does. */
const start = 480_000 * hour;
const until = start + span - 1;

const clicks = (name: string, options: { readonly hop?: "1h" }) =>
  featureView({
    name,
    entities: [entity({ name: "user", key: { user: "string" } })],
    source: fromRows("clicks", []),
    eventTime: "at",
    ttl: "forever",
    push: { id: "id", tile: options.hop === undefined ? "1h" : "12h" },
    features: {
      count: window("7d", count(), options),
      spent: window("7d", sum("spent"), options),
      mean: window("7d", mean("spent"), options),
      spread: window("7d", stddev("spent"), options),
      most: window("7d", max("spent"), options),
    },
  });

/** A week's windows of one user: from partial results of its hours and the events since, and from all of its events. */
export async function windowReads({ folder, pair }: Bench): Promise<void> {
  for (const events of [1_000, 10_000, 100_000]) {
    await using online = lmdb({ path: join(folder, `windows-${events}.lmdb`) });
    const clock = {
      time: start,
      now: () => clock.time,
      monotonic: () => performance.now(),
      sleep: async () => undefined,
    };
    const views = [clicks("hopping", { hop: "1h" }), clicks("exact", {})] as const;
    const store = createFeatureStore({ views, online, clock });
    const all = Array.from({ length: events }, (_, i): PushEvent => {
      const at = new Date(start + Math.floor((i * span) / events));
      return { id: `click ${i}`, user: "ann", at, spent: ((i * 7919) % 10_007) / 7 };
    });
    for (const batch of Map.groupBy(all, ({ at }) => Math.floor((at as Date).getTime() / hour)).values()) {
      clock.time = Math.max(...batch.map(({ at }) => (at as Date).getTime()));
      for (const view of views) await store.push(view, batch);
    }
    const read = async (name: "hopping" | "exact"): Promise<unknown[]> => {
      const [row] = await store.read({ entities: [{ user: "ann" }], features: [`${name}:*`], at: until });
      return Object.values<Reading>(row ?? {}).map(({ value }) => value);
    };
    deepStrictEqual(await read("hopping"), await read("exact"));
    await pair({
      name: `read five windows of 7 days over ${events} events, hops of an hour`,
      unit: "reads/s",
      peerName: "the same without hops, of the events, lmdb()",
      ours: () => rate(() => read("hopping"), { milliseconds: 300 }),
      peer: () => rate(() => read("exact"), { milliseconds: 300 }),
    });
  }
}
