import { lmdb } from "../src/online/lmdb.ts";
import { redis } from "../src/online/redis.ts";
import { sqlite } from "../src/online/sqlite.ts";
import { createFeatureStore } from "../src/store.ts";
import { batchClock, batches, views } from "./pushes.ts";

// Pushes batch after batch from the one it is given, and says after each how many are done, until it is done or killed.
const [kind, path, from, name] = process.argv.slice(2) as [string, string, string, keyof typeof views];
const online = kind === "redis" ? redis({ url: path }) : kind === "lmdb" ? lmdb({ path }) : sqlite({ path });
const view = views[name];
const clock = batchClock();
const store = createFeatureStore({ views: [view], online, clock });
for (let i = Number(from); i < batches.length; i++) {
  clock.toBatch(i);
  await store.push(view, batches[i] ?? []);
  process.stdout.write(`${i + 1}\n`);
}
await store[Symbol.asyncDispose]();
