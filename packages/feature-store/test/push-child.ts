import { lmdb } from "../src/online/lmdb.ts";
import { sqlite } from "../src/online/sqlite.ts";
import { createFeatureStore } from "../src/store.ts";
import { batches, clicks } from "./pushes.ts";

// Pushes batch after batch from the one it is given, and says after each how many are done, until it is done or killed.
const [kind, path, from] = process.argv.slice(2) as [string, string, string];
const online = kind === "lmdb" ? lmdb({ path }) : sqlite({ path });
const store = createFeatureStore({ views: [clicks], online });
for (let i = Number(from); i < batches.length; i++) {
  await store.push(clicks, batches[i] ?? []);
  process.stdout.write(`${i + 1}\n`);
}
await store[Symbol.asyncDispose]();
