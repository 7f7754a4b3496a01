import { createFeatureStore, parquetFile } from "@ashlar/feature-store";
import { fileSystem } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { openLake } from "@ashlar/storage/lake";
import type { RecordBatch } from "apache-arrow";
import { labels, sensors } from "./sensors.ts";

// Usage: node --conditions=@ashlar/source written-set-child.ts ROOT
// Writes one training set into a table and then into a Parquet file, and says "part" as labels are asked for.
const [root = ""] = process.argv.slice(2);
const objects = fileSystem({ root });
const codec = hyparquet();
const lake = await openLake({ objects, codec });
const table = await lake.table("training");

async function* told(): AsyncIterable<RecordBatch> {
  for (const batch of labels(40_000)) {
    process.stdout.write("part\n");
    yield batch;
  }
}

await using store = createFeatureStore({ views: [sensors()] });
const ask = { features: ["sensors:*"], rowsPerPart: 5_056 } as const;
const { digest } = await store.writeTrainingSet({ ...ask, labels: told(), to: table });
await store.writeTrainingSet({ ...ask, labels: told(), to: parquetFile({ objects, key: "set.parquet", codec }) });
process.stdout.write(`done ${digest}\n`);
