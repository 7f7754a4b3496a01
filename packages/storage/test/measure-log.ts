import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock as clock } from "@ashlar/core";
import { fileSystem } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { batchFrom, openLake } from "@ashlar/storage/lake";
import { checkpoint } from "../src/lake/after-commit.ts";
import { creationActions } from "../src/lake/creation.ts";
import { CheckpointQueue } from "../src/lake/checkpoint-queue.ts";
import { LatestStates } from "../src/lake/latest-states.ts";
import { TableLog } from "../src/lake/log.ts";

// Measures the log of a table with many files: measure-log.ts [--files 100000] [--commits 200]. Prints milliseconds.
const { values } = parseArgs({
  options: { files: { type: "string", default: "100000" }, commits: { type: "string", default: "200" } },
});
const [files, commits] = [Number(values.files), Number(values.commits)];
const root = await mkdtemp(join(tmpdir(), "ashlar-measure-log-"));
const objects = fileSystem({ root });
const codec = hyparquet();

const open = () => openLake({ objects, codec }).table("t");

const stats = (i: number): string =>
  JSON.stringify({
    numRecords: 1000,
    minValues: { n: i, s: "a" },
    maxValues: { n: i + 1000, s: "z" },
    nullCount: { n: 0, s: 0 },
  });
const log = new TableLog(objects, "t");
const columns = [
  { name: "n", type: "long", nullable: true, metadata: {} },
  { name: "month", type: "string", nullable: true, metadata: {} },
] as const;
const adds = Array.from({ length: files }, (_, i) => ({
  add: {
    path: `month=2001-06/part-00000-${crypto.randomUUID()}.c000.parquet`,
    partitionValues: { month: "2001-06" },
    size: 123_456,
    modificationTime: 991_398_600_000 + i,
    dataChange: true,
    stats: stats(i),
  },
}));
await log.write(0, [...creationActions({ columns, partitionBy: ["month"] }, Date.now()), ...adds]);

const timed = async (what: string, run: () => Promise<unknown>): Promise<void> => {
  const start = performance.now();
  await run();
  console.log(`${what}: ${(performance.now() - start).toFixed(1)} ms`);
};
try {
  const states = new LatestStates(objects);
  await timed(`read ${files} files from the log entry`, () => states.read("t"));
  const { state } = await states.read("t");
  await timed("write the checkpoint", () =>
    checkpoint({ objects, codec, clock, states, checkpoints: new CheckpointQueue() }, log, state),
  );
  await timed("read the snapshot from the checkpoint", () => new LatestStates(objects).read("t"));
  await timed("again, warm", () => new LatestStates(objects).read("t"));
  const table = await open();
  const row = batchFrom({ n: ["long", [1n]], month: ["string", ["2001-06"]] });
  await table.append(row);
  const times: number[] = [];
  for (let i = 0; i < commits; i++) {
    const start = performance.now();
    await table.append(row);
    times.push(performance.now() - start);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number): string => (sorted[Math.floor((sorted.length - 1) * part)] ?? 0).toFixed(1);
  console.log(`append one row, ${commits} times: median ${at(0.5)} ms, with a checkpoint ${at(1)} ms`);
} finally {
  await codec[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
}
