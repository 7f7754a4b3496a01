import { createFeatureStore } from "../src/store.ts";
import { featureLog } from "../src/log/feature-log.ts";
import { fileSink } from "./file-sink.ts";
import { trips } from "./trips.ts";

// Reads and logs without end, and says after each flush how many reads are in the sink, until it is killed.
const [folder = "", run = ""] = process.argv.slice(2);
const log = featureLog({ views: [trips], features: ["trips:*"], sink: fileSink(folder), batchRows: 7, maxRows: 500 });
const store = createFeatureStore({ views: [trips], logs: [log] });
for (let i = 0; i < 10_000; i++) {
  const entities = [{ car: `car ${i % 5}` }, { car: null }];
  await store.read({ entities, features: ["trips:last"], requestId: `${run}/${i}` });
  if (i % 10 !== 9) continue;
  await log.flush();
  process.stdout.write(`${i + 1}\n`);
}
