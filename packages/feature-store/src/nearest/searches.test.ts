import { expect, it } from "vitest";
import { column } from "../define/column.ts";
import { entity } from "../define/entity.ts";
import { featureView } from "../define/feature-view.ts";
import { vector } from "../define/value-type.ts";
import { memory } from "../online/memory.ts";
import type { OnlineStore } from "../online/port.ts";
import { fromRows } from "../source/rows.ts";
import { createFeatureStore } from "../store.ts";
import type { SearchLimits } from "./searches.ts";

const view = featureView({
  name: "items",
  entities: [entity({ name: "item", key: { item: "string" } })],
  source: fromRows("items", [{ id: "1", item: "a", at: new Date(0), embedding: Float32Array.of(1, 0) }]),
  eventTime: "at",
  ttl: "forever",
  features: { embedding: column("embedding", vector(2)) },
});
const query = { vector: [1, 0], k: 1 };

/** A store whose scans wait until they are let go, and tell how many are under way. */
async function waitingStore(searches: SearchLimits) {
  const inner = memory();
  const open = new Set<() => void>();
  const seen = { most: 0 };
  const online: OnlineStore = {
    ...inner,
    async *scan(namespace, options) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          open.delete(go);
          resolve();
        };
        open.add(go);
        seen.most = Math.max(seen.most, open.size);
      });
      yield* inner.scan(namespace, options);
    },
  };
  const store = createFeatureStore({ views: [view], online, searches });
  await store.materialize(view, { until: 1 });
  return { store, open, seen };
}

const underWay = (open: ReadonlySet<unknown>, count: number): Promise<void> =>
  expect.poll(() => open.size, { timeout: 5_000 }).toBe(count);

it("lets so many searches be under way, the next ones wait in order, and one more is told", async () => {
  const { store, open, seen } = await waitingStore({ atOnce: 2, waiting: 2 });
  const done: number[] = [];
  const asked = [0, 1, 2, 3].map((i) => store.nearest(view, query).then(() => done.push(i)));
  await underWay(open, 2);
  await expect(store.nearest(view, query)).rejects.toMatchObject({
    code: "SEARCHES_BUSY",
    status: 503,
    retryable: true,
    details: { view: "items", atOnce: 2, waiting: 2 },
  });
  const answer = await store.handler()(
    new Request("http://host/nearest", { method: "POST", body: JSON.stringify({ view: "items", ...query }) }),
  );
  expect(answer.status).toBe(503);
  for (let i = 0; i < 4; i++) {
    const [go] = open;
    go?.();
    await expect.poll(() => done.length).toBe(i + 1);
  }
  await Promise.all(asked);
  expect(done).toEqual([0, 1, 2, 3]);
  expect(seen.most).toBe(2);
  const last = store.nearest(view, query);
  await underWay(open, 1);
  for (const go of open) go();
  expect(await last).toMatchObject([{ entity: { item: "a" } }]);
});

it("takes one that waits out of the queue when it is aborted, and gives its place to the next", async () => {
  const { store, open } = await waitingStore({ atOnce: 1, waiting: 2 });
  const first = store.nearest(view, query);
  await underWay(open, 1);
  const stop = new AbortController();
  const aborted = store.nearest(view, { ...query, signal: stop.signal });
  const next = store.nearest(view, query);
  stop.abort(new Error("enough"));
  await expect(aborted).rejects.toThrow("enough");
  await expect(store.nearest(view, { ...query, signal: stop.signal })).rejects.toThrow("enough");
  for (const search of [first, next]) {
    await underWay(open, 1);
    for (const go of open) go();
    expect(await search).toHaveLength(1);
  }
});

it("frees the place of a search that fails, and refuses limits that are none", async () => {
  const { store, open } = await waitingStore({ atOnce: 1, waiting: 0 });
  await expect(store.nearest(view, { ...query, k: 0 })).rejects.toMatchObject({ code: "REQUEST_INVALID" });
  const search = store.nearest(view, query);
  await underWay(open, 1);
  await expect(store.nearest(view, query)).rejects.toMatchObject({ code: "SEARCHES_BUSY" });
  for (const go of open) go();
  await search;
  const invalid = expect.objectContaining({ code: "REQUEST_INVALID" });
  for (const searches of [{ atOnce: 0 }, { atOnce: 1.5 }, { waiting: -1 }]) {
    expect(() => createFeatureStore({ views: [view], searches })).toThrow(invalid);
  }
});
