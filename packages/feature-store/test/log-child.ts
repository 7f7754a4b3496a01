import { createFeatureStore } from "../src/store.ts";
import { featureLog } from "../src/log/feature-log.ts";
import { fileSink } from "./file-sink.ts";
import { trips } from "./trips.ts";

// Reads and logs without end, and says after each flush how many reads are in the sink, until it is killed. With `sync` it says
// so after each read, and never flushes.
const [folder = "", run = "", mode = "flush"] = process.argv.slice(2);
const sync = mode === "sync";
const sink = fileSink(folder);
const log = featureLog({ views: [trips], features: ["trips:*"], sink, batchRows: 7, maxRows: 500, sync });
const store = createFeatureStore({ views: [trips], logs: [log] });
for (let i = 0; i < 10_000; i++) {
  const entities = [{ car: `car ${i % 5}` }, { car: null }];
  await store.read({ entities, features: ["trips:last"], requestId: `${run}/${i}` });
  if (!sync && i % 10 !== 9) continue;
  if (!sync) await log.flush();
  process.stdout.write(`${i + 1}\n`);
}
