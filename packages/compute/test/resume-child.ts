/** Trains with a checkpoint in a folder, says each round, and writes the model: a process to be killed. */
import { mkdir, open, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { coreError, type ObjectInfo, type ObjectStore, toBytes, toStream } from "@ashlar/core";
import { trainBoostedTrees, trainLogisticRegression, trainMlp } from "../src/train/index.ts";
import { sampleRows } from "./sample-rows.ts";

const [kind, folder, workers] = process.argv.slice(2);

function folderStore(root: string): ObjectStore {
  const info = (key: string, size: number): ObjectInfo => ({ key, size, etag: "", lastModified: 0 });
  return {
    capabilities: { conditionalPut: false, rangeRead: false },
    async get(key) {
      const content = await readFile(join(root, key)).catch((cause: unknown) => {
        throw coreError("OBJECT_NOT_FOUND", { key }, { cause });
      });
      return { info: info(key, content.length), stream: () => toStream(content), bytes: async () => content };
    },
    async put(key, body) {
      const path = join(root, key);
      const content = await toBytes(body);
      await mkdir(dirname(path), { recursive: true });
      const file = await open(`${path}.new`, "w");
      await file.writeFile(content);
      await file.sync();
      await file.close();
      await rename(`${path}.new`, path);
      return info(key, content.length);
    },
    head: async () => undefined,
    delete: async () => {},
    list: async function* () {},
  };
}

const options = {
  data: sampleRows(2000),
  label: "late",
  seed: 5,
  workers: Number(workers),
  checkpoint: { store: folderStore(folder!), key: "run", every: 1 },
  onProgress: ({ round }: { round: number }) => void process.stdout.write(`${round}\n`),
};
const trainers = {
  trees: () => trainBoostedTrees({ ...options, rounds: 40, subsample: 0.8 }),
  mlp: () => trainMlp({ ...options, epochs: 12, batchSize: 64, hidden: [16] }),
  logistic: () => trainLogisticRegression({ ...options, tolerance: 1e-14 }),
};
const model = await trainers[kind as keyof typeof trainers]();
const { seconds: _, ...summary } = model.summary;
await writeFile(join(folder!, "model.json"), JSON.stringify({ ...model.toJSON(), summary }));
