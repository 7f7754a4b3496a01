import { lmdb } from "../src/online/lmdb.ts";
import { sqlite } from "../src/online/sqlite.ts";
import { createFeatureStore } from "../src/store.ts";
import { steps, trips, tripsBefore } from "./trips.ts";

// Backfills the new definition and says a line after every write, until it is done or killed.
const [kind, path] = process.argv.slice(2) as [string, string];
const store = kind === "lmdb" ? lmdb({ path }) : sqlite({ path });
const online: typeof store = {
  ...store,
  async write(namespace, entries, options) {
    await store.write(namespace, entries, options);
    process.stdout.write(`${namespace} ${entries.length}\n`);
  },
};
const features = createFeatureStore({ views: [trips], previous: [tripsBefore], online });
await features.backfill(trips, { until: steps.at(-1) as number, steps: 3 });
process.stdout.write("flipped\n");
await features[Symbol.asyncDispose]();
