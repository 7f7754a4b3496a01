import type { ObjectStore } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import { agedStore } from "../../test/aged-store.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import type { Action } from "./actions.ts";
import { commit } from "./commit.ts";
import { batchFrom, type LakeTable, openLake } from "./index.ts";
import { CheckpointQueue } from "./checkpoint-queue.ts";
import { LatestStates } from "./latest-states.ts";

const day = 86_400_000;
const now = 1_700_000_000_000;
const row = (n: number): ReturnType<typeof batchFrom> => batchFrom({ n: ["long", [BigInt(n)]] });

interface Subject {
  readonly objects: ObjectStore;
  readonly table: LakeTable;
  age(prefix: string, time: number): void;
  put(key: string): Promise<unknown>;
  commit(actions: readonly Action[]): Promise<unknown>;
  keys(): Promise<string[]>;
}

/** A table of two versions, everything in it thirty days old. */
async function subject(): Promise<Subject> {
  const { objects, age } = agedStore(memoryObjectStore());
  const clock = { now: () => now, monotonic: () => 0, sleep: async () => {} };
  const codec = hyparquet();
  const table = await openLake({ objects, codec, clock }).table("t");
  await table.append(row(1));
  await table.append(row(2));
  age("t/", now - 30 * day);
  // What a vacuum puts there itself is new.
  age("t/_vacuum/", now);
  const context = { objects, codec, clock, states: new LatestStates(objects), checkpoints: new CheckpointQueue() };
  return {
    objects,
    table,
    age,
    put: (key) => objects.put(key, new Uint8Array(10)),
    async commit(actions) {
      const { log, state } = await context.states.read("t");
      return commit(context, log, state, { operation: "DELETE", actions, read: "definition", dataChange: true, now });
    },
    async keys() {
      const keys: string[] = [];
      for await (const { key } of objects.list("t/")) keys.push(key);
      return keys;
    },
  };
}

const pathAt = async (table: LakeTable, index: number): Promise<string> =>
  ((await table.snapshot()).files[index]?.key ?? "").slice(2);
const removeOf = (path: string, deletionTimestamp: number): Action => ({
  remove: { path, deletionTimestamp, dataChange: true },
});

describe("vacuum", () => {
  it("deletes what no version names once it is old, and nothing else", async () => {
    const { table, put, age, keys } = await subject();
    const kept = await keys();
    const others = [
      "t/_change_data/young.parquet",
      "t/_delta_log/old.tmp",
      "t/_hidden/old.parquet",
      "t/.staged/old.parquet",
      "t/month=1/_part.parquet",
      "t/nested/_delta_log/00000000000000000000.json",
      "t/nested/M=1/part.parquet",
      "t/nested/part.parquet",
      "t/young.parquet",
    ];
    const orphans = [
      "t/_change_data/old.parquet",
      "t/deletion_vector_old.bin",
      "t/month=1/old.parquet",
      "t/old.parquet",
    ];
    for (const key of [...orphans, ...others]) await put(key);
    age("t/young", now - 7 * day);
    age("t/_change_data/young", now - 6 * day);
    const planned = await table.vacuum({ dryRun: true });
    expect(planned).toEqual({ files: 4, bytes: 40, keys: orphans });
    expect(await keys()).toHaveLength(kept.length + orphans.length + others.length);
    expect(await table.vacuum()).toEqual(planned);
    expect(await keys()).toEqual([...kept, ...others].sort());
    expect((await table.snapshot()).rows).toBe(2);
    expect(await table.vacuum()).toEqual({ files: 0, bytes: 0, keys: [] });
  });

  it("keeps removed files for their retention, whatever the checkpoints have forgotten", async () => {
    const { table, commit: change, age, keys } = await subject();
    const path = await pathAt(table, 0);
    await change([removeOf(path, now - 3 * day)]);
    age("t/_delta_log/00000000000000000002", now - 3 * day);
    expect((await table.vacuum()).files).toBe(0);
    expect((await table.vacuum({ retention: "8d" })).files).toBe(0);
    // As if written by an engine that drops tombstones at once: the entry still says what it removed.
    await change([removeOf("other", 0), { txn: { appId: "x", version: 1 } }]);
    expect((await table.vacuum({ retention: 4 * day, force: true })).files).toBe(0);
    expect(await table.vacuum({ retention: "2 days", force: true })).toMatchObject({ files: 1, keys: [`t/${path}`] });
    expect(await keys()).not.toContain(`t/${path}`);
    expect((await table.snapshot()).rows).toBe(1);
  });

  it("keeps deletion vectors and change data of versions within the retention", async () => {
    const { table, commit: change, put, age } = await subject();
    const uuid = "d2c639aa-8816-431a-aaf6-d3fe2512ff61";
    const vector = {
      storageType: "u",
      pathOrInlineDv: "ab^-aqEH.-t@S}K{vb[*k^",
      offset: 1,
      sizeInBytes: 34,
      cardinality: 2,
    } as const;
    await put(`t/ab/deletion_vector_${uuid}.bin`);
    await put("t/_change_data/cdc.parquet");
    await change([
      { remove: { path: "gone", deletionTimestamp: now, dataChange: true, deletionVector: vector } },
      { cdc: { path: "_change_data/cdc.parquet", partitionValues: {}, size: 10, dataChange: false } },
    ]);
    age("t/_delta_log/00000000000000000002", now);
    expect((await table.vacuum()).files).toBe(0);
    age("t/_delta_log/00000000000000000002", now - 8 * day);
    // The tombstone still protects its vector.
    expect((await table.vacuum()).keys).toEqual(["t/_change_data/cdc.parquet"]);
  });

  it.each(["1h", 0, "6 days 23 hours"])("refuses the retention %s unless forced", async (retention) => {
    const { table, put } = await subject();
    await put("t/x.parquet");
    await expect(table.vacuum({ retention })).rejects.toMatchObject({ code: "VACUUM_UNSAFE" });
    expect((await table.vacuum({ retention, force: true })).files).toBe(1);
  });

  it.each(["", "soon", "7 months", -1, Number.NaN, Infinity])(
    "refuses %s, which is no retention",
    async (retention) => {
      const { table } = await subject();
      await expect(table.vacuum({ retention, force: true })).rejects.toMatchObject({ code: "VACUUM_UNSAFE" });
    },
  );

  it.each([
    "../u/x.parquet",
    "a/../../u/x.parquet",
    "%2E%2E/u/x.parquet",
    "/u/x.parquet",
    "s3://b/u/x.parquet",
    "file:///u/x",
  ])("deletes nothing when the log names %s", async (path) => {
    const { objects, table, commit: change, put } = await subject();
    await put("u/x.parquet");
    await put("t/orphan.parquet");
    const add = { path, partitionValues: {}, size: 1, modificationTime: 0, dataChange: true };
    await change([{ add }]);
    await expect(table.vacuum()).rejects.toMatchObject({ code: "FILE_OUTSIDE", details: { path } });
    expect(await objects.head("u/x.parquet")).toBeDefined();
    expect(await objects.head("t/orphan.parquet")).toBeDefined();
  });

  it("needs a table", async () => {
    const lake = openLake({ objects: memoryObjectStore(), codec: hyparquet() });
    await expect((await lake.table("t")).vacuum()).rejects.toMatchObject({ code: "TABLE_NOT_FOUND" });
  });
});
