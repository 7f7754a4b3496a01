import { memoryObjectStore } from "@ashlar/core/memory";
import {
  arrow,
  createFeatureStore,
  fromBatches,
  type Labels,
  type OfflineEngine,
  parquetFile,
} from "@ashlar/feature-store";
import { duckdb } from "@ashlar/feature-store/duckdb";
import { sourceOfObject } from "@ashlar/storage";
import { duckdb as duckdbCodec } from "@ashlar/storage/duckdb";
import { fileSystem } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { openLake } from "@ashlar/storage/lake";
import type { RecordBatch } from "apache-arrow";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { labels, readings, sensors } from "./sensors.ts";

const rows = 12_000;
const features = ["sensors:*"] as const;

async function rowsOf(batches: AsyncIterable<RecordBatch>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const batch of batches)
    for (let row = 0; row < batch.numRows; row++) found.push({ ...batch.get(row)?.toJSON() });
  return found;
}

async function* iterated(): AsyncIterable<RecordBatch> {
  yield* labels(rows);
}

const engines: readonly (readonly [string, () => OfflineEngine])[] = [
  ["arrow()", arrow],
  ["duckdb()", () => duckdb({ memoryLimit: "256MB" })],
];

it.each(engines)("is one in a lake, in Parquet files and in memory, by %s, from every frame", async (_, engine) => {
  const root = await mkdtemp(join(tmpdir(), "ashlar-written-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const objects = fileSystem({ root });
  await using codec = duckdbCodec();
  const lake = await openLake({ objects, codec });
  const source = await lake.table("readings");
  await source.append(readings(4_000));
  const labelled = await lake.table("labels");
  await labelled.append(iterated());
  await using store = createFeatureStore({ views: [sensors(source)], offline: engine() });
  const set = await store.trainingSet({ labels: labelled, features });
  const wanted = await rowsOf(set.batches());
  expect(wanted).toHaveLength(rows);

  const frames: Readonly<Record<string, () => Labels>> = {
    lake: () => labelled,
    files: () => ({ ...fromBatches("labels", () => labels(rows)), localFiles: () => labelled.localFiles() }),
    batches: () => fromBatches("labels", () => labels(rows)),
    iterator: iterated,
  };
  const codecs = { duckdb: codec, hyparquet: hyparquet() };
  for (const [name, frame] of Object.entries(frames)) {
    const kept = await lake.table(`training-${name}`);
    const intoLake = await store.writeTrainingSet({ labels: frame(), features, rowsPerPart: 4_992, to: kept });
    expect(intoLake.digest).toBe(set.digest);
    expect(await rowsOf(kept.scan())).toEqual(wanted);
    for (const [encoder, each] of Object.entries(codecs)) {
      const key = `sets/${name}-${encoder}.parquet`;
      const to = parquetFile({ objects, key, codec: each });
      const written = await store.writeTrainingSet({ labels: frame(), features, rowsPerPart: 4_992, to });
      expect(written.digest).toBe(set.digest);
      await using reader = await each.open(await sourceOfObject(objects, key));
      expect(await rowsOf(reader.scan())).toEqual(wanted);
    }
  }
});

it("is replayed to the same bytes of Parquet, and not written when its source is another", async () => {
  const objects = memoryObjectStore();
  const codec = hyparquet();
  const to = (key: string) => parquetFile({ objects, key, codec });
  await using store = createFeatureStore({ views: [sensors()] });
  const { manifest } = await store.writeTrainingSet({ labels: iterated(), features, to: to("first.parquet") });
  const again = JSON.parse(JSON.stringify(manifest)) as typeof manifest;
  expect((await store.replay(again, { labels: iterated(), to: to("again.parquet") })).digest).toBe(manifest.digest);
  const [first, second] = await Promise.all(
    ["first.parquet", "again.parquet"].map(async (key) => (await objects.get(key)).bytes()),
  );
  expect(Buffer.from(first as Uint8Array).equals(second as Uint8Array)).toBe(true);
  const shorter = fromBatches("readings", [readings(3_000)]);
  await using other = createFeatureStore({ views: [sensors(shorter)] });
  await expect(other.replay(again, { labels: iterated(), to: to("other.parquet") })).rejects.toMatchObject({
    code: "REPLAY_MISMATCH",
  });
  expect(await objects.head("other.parquet")).toBeUndefined();
});
