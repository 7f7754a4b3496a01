import { type Logger, type ObjectStore, silentLogger } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import { expect, it } from "vitest";
import { interceptedStore } from "../../test/intercepted-store.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { CheckpointQueue } from "./checkpoint-queue.ts";
import { creationActions } from "./creation.ts";
import { batchFrom, type Lake, openLake } from "./index.ts";
import { TableLog } from "./log.ts";
import { TableState } from "./state.ts";

const files = 5_000;
const columns = [{ name: "n", type: "long", nullable: true, metadata: {} }] as const;
const row = batchFrom({ n: ["long", [1n]] });
const isCheckpoint = (key: string): boolean => key.endsWith(".checkpoint.parquet");

/** A table of many files, at version 0. */
async function largeTable(): Promise<ObjectStore> {
  const objects = memoryObjectStore();
  const adds = Array.from({ length: files }, (_, n) => ({
    add: { path: `part-${n}.parquet`, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true },
  }));
  await new TableLog(objects, "t").write(0, [...creationActions({ columns, partitionBy: [] }, 0), ...adds]);
  return objects;
}

async function appended(lake: Lake, commits: number): Promise<number> {
  const table = await lake.table("t");
  let version = -1;
  for (let n = 0; n < commits; n++) ({ version } = await table.append(row));
  return version;
}

const checkpointsOf = async (objects: ObjectStore): Promise<number[]> =>
  (await new TableLog(objects, "t").list()).checkpoints.map(({ version }) => version);

it("acknowledges commits to a large table while its checkpoint is being written, and skips those that a newer one replaces", async () => {
  const objects = await largeTable();
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  let begin = (): void => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const put = (key: string): Promise<void> | undefined => {
    if (!isCheckpoint(key)) return undefined;
    begin();
    return released;
  };
  const lake = openLake({ objects: interceptedStore(objects, { put }), codec: hyparquet() });
  expect(await appended(lake, 10)).toBe(10);
  await begun;
  expect(await appended(lake, 25)).toBe(35);
  expect(await checkpointsOf(objects)).toEqual([]);
  release();
  await lake.settled();
  expect(await checkpointsOf(objects)).toEqual([10, 30]);
  const read = new TableState("t");
  await read.advance(new TableLog(objects, "t"));
  expect([read.version, read.files.size]).toEqual([35, files + 35]);
});

it("is waited for by those who ask for a checkpoint, and by the end of the lake", async () => {
  const objects = await largeTable();
  {
    await using lake = openLake({ objects, codec: hyparquet() });
    await appended(lake, 12);
    await (await lake.table("t")).checkpoint();
    expect(await checkpointsOf(objects)).toEqual([10, 12]);
    await appended(lake, 8);
  }
  expect(await checkpointsOf(objects)).toEqual([10, 12, 20]);
});

it("tells of a checkpoint that could not be written, and tries again with the next", async () => {
  const objects = await largeTable();
  const warnings: unknown[] = [];
  const logger: Logger = { ...silentLogger, warn: (fields) => warnings.push(fields) };
  let failures = 1;
  const failing = interceptedStore(objects, {
    put: async (key) => {
      if (isCheckpoint(key) && failures-- > 0) throw new Error("the disk is full");
    },
  });
  const lake = openLake({ objects: failing, codec: hyparquet(), logger });
  expect(await appended(lake, 10)).toBe(10);
  await lake.settled();
  expect(warnings).toMatchObject([{ table: "t", version: 10, error: { message: "the disk is full" } }]);
  await appended(lake, 10);
  await lake.settled();
  expect(await checkpointsOf(objects)).toEqual([20]);
});

it("writes in turn, table by table, whatever fails", async () => {
  const queue = new CheckpointQueue();
  const events: string[] = [];
  const step =
    (name: string, fails = false) =>
    async () => {
      events.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      events.push(`${name} ends`);
      if (fails) throw new Error(name);
    };
  queue.later("a", step("first"));
  const now = queue.now("a", step("second", true));
  queue.later("a", step("third"));
  queue.later("b", step("other"));
  await expect(now).rejects.toThrow("second");
  await queue.settled();
  const ofA = events.filter((event) => !event.startsWith("other"));
  // The third replaced the first before that had begun.
  expect(ofA).toEqual(["third begins", "third ends", "second begins", "second ends"]);
  expect(events).toContain("other ends");
});
