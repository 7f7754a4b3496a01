import { createFeatureStore } from "../src/store.ts";
import { lmdb } from "../src/online/lmdb.ts";
import { redis } from "../src/online/redis.ts";
import { sqlite } from "../src/online/sqlite.ts";
import { steps, trips, tripsBefore } from "./trips.ts";

// Materialises step by step and says after each how far it is, until it is done or killed: a view with windows from a timeline
// that it keeps, or one of columns by a scan for each step.
const [kind, path, of = "windows"] = process.argv.slice(2) as [string, string, string?];
const online = kind === "redis" ? redis({ url: path }) : kind === "lmdb" ? lmdb({ path }) : sqlite({ path });
const view = of === "columns" ? tripsBefore : trips;
const store = createFeatureStore({ views: [view], online });
const kept = of === "columns" ? undefined : await store.materializer(view);
const reached = (await store.watermark(view)) ?? -Infinity;
for (const until of steps) {
  if (until < reached) continue;
  await (kept === undefined ? store.materialize(view, { until }) : kept.advance(until));
  process.stdout.write(`${until}\n`);
}
await store[Symbol.asyncDispose]();
