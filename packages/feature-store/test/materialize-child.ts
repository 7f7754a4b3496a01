import { createFeatureStore } from "../src/store.ts";
import { sqlite } from "../src/online/sqlite.ts";
import { steps, trips } from "./trips.ts";

// Materialises step by step and says after each how far it is, until it is done or killed.
const store = createFeatureStore({ views: [trips], online: sqlite({ path: process.argv[2] as string }) });
const materializer = await store.materializer(trips);
const reached = (await store.watermark(trips)) ?? -Infinity;
for (const until of steps) {
  if (until < reached) continue;
  await materializer.advance(until);
  process.stdout.write(`${until}\n`);
}
