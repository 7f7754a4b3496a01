import {
  arrow,
  createFeatureStore,
  entity,
  type FeatureView,
  fromRows,
  type OnlineStore,
  type PushEvent,
  type Reading,
} from "../src/index.ts";
import { tileLayoutOf } from "../src/push/push.ts";
import { tileNamespace } from "../src/push/tile-ring.ts";

/** In milliseconds. */
export const second = 1_000;

export const car = entity({ name: "car", key: { car: "string" } });

/** A clock that is set. */
export const clockAt = (start: number) => {
  const clock = { time: start, now: () => clock.time, monotonic: () => 0, sleep: async () => undefined };
  return clock;
};

/** Of each car all features of the view "trips" by name, as they are read; of one that is not there, nothing. */
export async function answersOf(
  view: FeatureView,
  online: OnlineStore,
  names: readonly string[],
  at: number,
): Promise<unknown> {
  const store = createFeatureStore({ views: [view], online });
  const rows = await store.read({ entities: names.map((name) => ({ car: name })), features: ["trips:*"], at });
  return rows.map((row) =>
    Object.entries<Reading>(row).map(([name, { status, value }]) => [name, status === "NOT_FOUND" ? "nothing" : value]),
  );
}

/**
 * What the point-in-time join says of the rows; of a car without one, nothing.
 *
 * @param nobody a row of one that is not asked for, so that no column is without a value and thereby without a type
 */
export async function truthOf(
  make: (rows: readonly PushEvent[]) => FeatureView,
  { rows, nobody }: { readonly rows: readonly PushEvent[]; readonly nobody: PushEvent },
  names: readonly string[],
  at: number,
): Promise<unknown> {
  const view = make([...rows, nobody]);
  const labels = fromRows(
    "labels",
    names.map((name) => ({ car: name, at: new Date(at) })),
  );
  const asked = { labels, time: "at", features: ["trips:*"] } as const;
  const set = await createFeatureStore({ views: [view], offline: arrow() }).trainingSet(asked);
  return names.map((name, i) =>
    Object.entries(set.row(i))
      .filter(([feature]) => feature.startsWith("trips:"))
      .map(([feature, value]) => [feature, rows.some((row) => row["car"] === name) ? value : "nothing"]),
  );
}

/** How many events and how many hops the tiles of a view hold. */
export async function held(view: FeatureView, online: OnlineStore): Promise<{ events: number; hops: number }> {
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
