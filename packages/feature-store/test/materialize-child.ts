import { createFeatureStore } from "../src/store.ts";
import { lmdb } from "../src/online/lmdb.ts";
import { redis } from "../src/online/redis.ts";
import { sqlite } from "../src/online/sqlite.ts";
import { steps, trips } from "./trips.ts";

// Materialises step by step and says after each how far it is, until it is done or killed.
const [kind, path] = process.argv.slice(2) as [string, string];
const online = kind === "redis" ? redis({ url: path }) : kind === "lmdb" ? lmdb({ path }) : sqlite({ path });
const store = createFeatureStore({ views: [trips], online });
const materializer = await store.materializer(trips);
const reached = (await store.watermark(trips)) ?? -Infinity;
for (const until of steps) {
  if (until < reached) continue;
  await materializer.advance(until);
  process.stdout.write(`${until}\n`);
}
await store[Symbol.asyncDispose]();
