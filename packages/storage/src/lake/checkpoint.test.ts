import { isAshlarError, type ObjectStore } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countingStore } from "../../test/counting-store.ts";
import { encodeCheckpoint } from "../../test/encode-checkpoint.ts";
import { valuesOf } from "../../test/rows.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import type { Action, AddFile } from "./actions.ts";
import { readCheckpoint } from "./checkpoint.ts";
import { batchFrom, type LakeTable, openLake } from "./index.ts";

const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 });
const maybe = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(value, { nil: undefined });
const texts = fc.dictionary(text, text, { maxKeys: 3 });
const count = fc.maxSafeNat();
const vector = fc.record(
  {
    storageType: fc.constantFrom("u", "i", "p"),
    pathOrInlineDv: text,
    offset: fc.nat(1000),
    sizeInBytes: fc.nat(1000),
    cardinality: count,
  },
  { requiredKeys: ["storageType", "pathOrInlineDv", "sizeInBytes", "cardinality"] },
);
const file = {
  path: text,
  partitionValues: fc.dictionary(text, fc.option(text), { maxKeys: 3 }),
  size: count,
  deletionVector: maybe(vector),
  baseRowId: maybe(count),
};
const add = fc.record({
  ...file,
  modificationTime: count,
  dataChange: fc.boolean(),
  stats: maybe(text),
  tags: maybe(texts),
});
const remove = fc.record({ ...file, deletionTimestamp: maybe(count), dataChange: fc.boolean() });
const features = maybe(fc.array(text, { maxLength: 3 }));
const metaData = fc.record({
  id: text,
  name: maybe(text),
  format: fc.record({ provider: text, options: texts }),
  schemaString: text,
  partitionColumns: fc.array(text, { maxLength: 3 }),
  configuration: texts,
  createdTime: maybe(count),
});
const action = fc.oneof(
  add.map((value) => ({ add: value })),
  remove.map((value) => ({ remove: value })),
  metaData.map((value) => ({ metaData: value })),
  fc.record({ appId: text, version: count, lastUpdated: maybe(count) }).map((txn) => ({ txn })),
  fc
    .record({ minReaderVersion: fc.nat(7), minWriterVersion: fc.nat(7), readerFeatures: features })
    .map((protocol) => ({ protocol })),
  fc
    .record({ domain: text, configuration: fc.string(), removed: fc.boolean() })
    .map((domainMetadata) => ({ domainMetadata })),
);

describe("a checkpoint", () => {
  it("gives back every action: nested, absent, empty and null", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 20 }), async (given) => {
        const actions = given as Action[];
        const objects = memoryObjectStore();
        await objects.put("c.parquet", encodeCheckpoint(actions));
        const { adds, removes, others } = await readCheckpoint(objects, { version: 0, keys: ["c.parquet"] });
        const found = [
          ...adds.map((value) => ({ add: value })),
          ...removes.map((value) => ({ remove: value })),
          ...others,
        ];
        const sorted = (list: readonly unknown[]): string[] => list.map((item) => canonical(item)).sort();
        expect(sorted(found)).toEqual(sorted(actions));
      }),
      { numRuns: 60 },
    );
  });

  it("gives back a tag and a partition column that are called __proto__", async () => {
    const named = JSON.parse('{"__proto__":"x","constructor":null}') as AddFile["partitionValues"];
    const add = { path: "f", partitionValues: named, size: 1, modificationTime: 0, dataChange: false, tags: named };
    const objects = memoryObjectStore();
    await objects.put("c.parquet", encodeCheckpoint([{ add }] as Action[]));
    const { adds } = await readCheckpoint(objects, { version: 0, keys: ["c.parquet"] });
    expect(canonical(adds)).toBe(canonical([add]));
  });
});

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

const row = (n: number): ReturnType<typeof batchFrom> => batchFrom({ n: ["long", [BigInt(n)]] });
const open = (objects: ObjectStore): Promise<LakeTable> => openLake({ objects, codec: hyparquet() }).table("t");
const entry = (version: number): string => `t/_delta_log/${String(version).padStart(20, "0")}.json`;
const classic = (version: number): string => entry(version).replace("json", "checkpoint.parquet");
const last = "t/_delta_log/_last_checkpoint";

async function withAppends(count: number): Promise<{ objects: ObjectStore; table: LakeTable }> {
  const objects = memoryObjectStore();
  const table = await open(objects);
  for (let n = 0; n < count; n++) await table.append(row(n));
  return { objects, table };
}

const textOf = async (objects: ObjectStore, key: string): Promise<string> =>
  new TextDecoder().decode(await (await objects.get(key)).bytes());
const put = (objects: ObjectStore, key: string, text: string): Promise<unknown> =>
  objects.put(key, new TextEncoder().encode(text));

describe("checkpoints of a table", () => {
  it("are written every tenth version, and stand for the entries before them", async () => {
    const { objects } = await withAppends(26);
    expect(JSON.parse(await textOf(objects, last))).toMatchObject({ version: 20, size: 23, numOfAddFiles: 21 });
    for (let version = 0; version < 20; version++) await objects.delete(entry(version));
    const counting = countingStore(objects);
    const snapshot = await (await open(counting.objects)).snapshot();
    expect([snapshot.version, snapshot.rows]).toEqual([25, 26]);
    // The hint, the checkpoint, five entries.
    expect(counting.counts).toMatchObject({ gets: 7, lists: 1 });
    expect(counting.counts.listed).toBeLessThan(10);
    const table = await open(objects);
    await expect(table.snapshot({ version: 5 })).rejects.toMatchObject({
      code: "VERSION_NOT_FOUND",
      details: { earliest: 10, latest: 25 },
    });
    expect((await table.append(row(99))).version).toBe(26);
  });

  it("make a commit cost the same at any version", async () => {
    const objects = memoryObjectStore();
    const { objects: counted, counts } = countingStore(objects);
    const table = await open(counted);
    const costs: (typeof counts)[] = [];
    for (let n = 0; n < 318; n++) {
      Object.assign(counts, { gets: 0, puts: 0, heads: 0, lists: 0, listed: 0, deletes: 0, bytes: 0 });
      await table.append(row(n));
      // The hint is a few bytes longer when its numbers are.
      expect(counts.bytes).toBeLessThan(n % 10 === 7 ? 500 : Infinity);
      if (n % 10 === 7) costs.push({ ...counts, bytes: 0 });
    }
    expect(costs).toHaveLength(32);
    expect(new Set(costs.slice(1).map((cost) => JSON.stringify(cost))).size).toBe(1);
    // One get is of the hint, after the entry is written. A listing would cost the more the more versions there are.
    expect(costs[1]).toMatchObject({ gets: 1, puts: 2, heads: 2, lists: 0, listed: 0 });
  }, 30_000);

  it.each([
    ["no JSON", "{"],
    ["no object", "7"],
    ["no version", '{"size":1}'],
    ["a version that is none", '{"version":-3}'],
    ["a version from the future", '{"version":99999}'],
    ["a version without a checkpoint", '{"version":11}'],
    ["an older one", '{"version":10}'],
  ])("are found though the hint is damaged: %s", async (_, hint) => {
    const { objects } = await withAppends(22);
    await put(objects, last, hint);
    expect((await (await open(objects)).snapshot()).rows).toBe(22);
  });

  const damages: readonly (readonly [string, (bytes: Uint8Array) => Uint8Array | undefined])[] = [
    ["cut", (bytes) => bytes.subarray(0, bytes.length / 2)],
    ["empty", () => new Uint8Array()],
    ["no Parquet", () => new TextEncoder().encode("PAR1 no")],
    ["gone", () => undefined],
    ["zeroed in the middle", (bytes) => bytes.map((byte, i) => (i > 100 && i < bytes.length - 100 ? 0 : byte))],
  ];
  it.each(damages)("that are %s give way to an older one, or to the log", async (_, damage) => {
    const { objects } = await withAppends(24);
    for (const version of [20, 10]) {
      const damaged = damage(await (await objects.get(classic(version))).bytes());
      if (damaged === undefined) await objects.delete(classic(version));
      else await objects.put(classic(version), damaged);
      expect((await (await open(objects)).snapshot()).rows).toBe(24);
    }
    await objects.delete(entry(3));
    await expect((await open(objects)).snapshot()).rejects.toMatchObject({ code: "LOG_CORRUPT" });
  });

  it("that are damaged are named when nothing else has what they held", async () => {
    const { objects } = await withAppends(12);
    await objects.put(classic(10), new Uint8Array(40));
    for (let version = 0; version < 10; version++) await objects.delete(entry(version));
    await expect((await open(objects)).snapshot()).rejects.toMatchObject({
      code: "LOG_CORRUPT",
      details: { file: classic(10) },
    });
  });

  it("that contradict themselves are not believed", async () => {
    const { objects } = await withAppends(12);
    const { adds, others } = await readCheckpoint(objects, { version: 10, keys: [classic(10)] });
    const first = adds[0] as AddFile;
    const all = [...others, ...adds.map((value) => ({ add: value }))];
    for (const wrong of [
      [...all, { add: first }],
      [...all, { remove: first }],
      all.slice(1),
      [{ txn: { appId: "a", version: 1 } }],
    ]) {
      await objects.put(classic(10), encodeCheckpoint(wrong));
      expect((await (await open(objects)).snapshot()).rows).toBe(12);
    }
  });

  it("are not believed where a letter within a page is another, whether the hint tells of them or not", async () => {
    const objects = memoryObjectStore();
    const table = await openLake({ objects, codec: hyparquet() }).table("t", { partitionBy: ["p"] });
    for (const part of ["alpha", "beta", "gamma"])
      await table.append(batchFrom({ n: ["long", [1n]], p: ["string", [part]] }));
    await table.checkpoint();
    const hint = await textOf(objects, last);
    const whole = await (await objects.get(classic(2))).bytes();
    await objects.delete(entry(0));
    const outcomes = new Map<string, number>();
    const parts = JSON.stringify(["alpha", "beta", "gamma"]);
    for (let at = 0; at < whole.byteLength; at += 61) {
      const changed = whole.slice();
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      await objects.put(classic(2), changed);
      for (const told of [hint, '{"version":2}']) {
        await put(objects, last, told);
        const outcome = await valuesOf((await open(objects)).scan(), "p").then(
          (values) => (JSON.stringify(values.sort()) === parts ? "same" : "other rows"),
          (error: unknown) => (isAshlarError(error) ? error.code : String(error)),
        );
        const kind = `${outcome}, ${told === hint ? "noted" : "not noted"}`;
        outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
      }
    }
    const kinds = new Set(outcomes.keys());
    kinds.delete("same, not noted");
    kinds.delete("LOG_CORRUPT, not noted");
    // What the hint notes holds for every byte of the file.
    expect([...kinds], JSON.stringify([...outcomes])).toEqual(["LOG_CORRUPT, noted"]);
  });

  it("give way to the log where they disagree with it, and are named where there is nothing else", async () => {
    const { objects } = await withAppends(12);
    const { adds, others } = await readCheckpoint(objects, { version: 10, keys: [classic(10)] });
    const without = [...others, ...adds.slice(1).map((value) => ({ add: value }))];
    await objects.put(classic(10), encodeCheckpoint(without));
    expect((await (await open(objects)).snapshot()).rows).toBe(12);
    for (let version = 0; version < 10; version++) await objects.delete(entry(version));
    await expect((await open(objects)).snapshot()).rejects.toMatchObject({
      code: "LOG_CORRUPT",
      details: { file: classic(10) },
      message: expect.stringContaining("it adds 10 files, of 11") as string,
    });
  });

  it("are held to the checksum file of their version, which other engines write", async () => {
    const { objects } = await withAppends(12);
    const { adds } = await readCheckpoint(objects, { version: 10, keys: [classic(10)] });
    const bytes = adds.reduce((sum, { size }) => sum + size, 0);
    const told = (numFiles: number, tableSizeBytes: number): string => JSON.stringify({ numFiles, tableSizeBytes });
    const crc = entry(10).replace("json", "crc");
    await objects.delete(last);
    for (let version = 0; version < 10; version++) await objects.delete(entry(version));
    for (const good of [told(11, bytes), "{", "[]", '{"numFiles":"11"}']) {
      await put(objects, crc, good);
      expect((await (await open(objects)).snapshot()).rows).toBe(12);
    }
    for (const bad of [told(12, bytes), told(11, bytes + 1)]) {
      await put(objects, crc, bad);
      await expect((await open(objects)).snapshot()).rejects.toMatchObject({
        code: "LOG_CORRUPT",
        message: expect.stringContaining("00000000000000000010.crc tells of") as string,
      });
    }
  });

  it("are read in parts, and as V2 with sidecars", async () => {
    const { objects } = await withAppends(12);
    const { adds, others } = await readCheckpoint(objects, { version: 10, keys: [classic(10)] });
    const files = adds.map((value) => ({ add: value }));
    for (let version = 0; version < 10; version++) await objects.delete(entry(version));
    await objects.delete(classic(10));
    const part = (index: number): string => classic(10).replace(".parquet", `.000000000${index}.0000000002.parquet`);
    await objects.put(part(1), encodeCheckpoint([...others, ...files.slice(0, 4)]));
    await expect((await open(objects)).snapshot()).rejects.toMatchObject({ code: "LOG_CORRUPT" });
    await objects.put(part(2), encodeCheckpoint(files.slice(4)));
    expect((await (await open(objects)).snapshot()).rows).toBe(12);

    for (const index of [1, 2]) await objects.delete(part(index));
    const sidecar = { path: "files.parquet", sizeInBytes: 1, modificationTime: 1 };
    await objects.put("t/_delta_log/_sidecars/files.parquet", encodeCheckpoint(files));
    const v2 = [{ checkpointMetadata: { version: 10 } }, ...others, { sidecar }];
    const name = classic(10).replace("parquet", `${crypto.randomUUID()}.json`);
    await put(objects, name, v2.map((line) => JSON.stringify(line)).join("\n"));
    expect((await (await open(objects)).snapshot()).rows).toBe(12);
    await put(
      objects,
      name,
      v2
        .map((line) => JSON.stringify(line))
        .join("\n")
        .replace("files.p", "../files.p"),
    );
    await expect((await open(objects)).snapshot()).rejects.toMatchObject({ code: "LOG_CORRUPT" });
  });

  it("answer a repeated transaction as the log did", async () => {
    const objects = memoryObjectStore();
    const table = await open(objects);
    const transaction = { appId: "ingest", version: 7 };
    const first = await table.append(row(0), { transaction });
    for (let n = 1; n < 12; n++) await table.append(row(n));
    expect(await (await open(objects)).append(row(0), { transaction })).toEqual(first);
    await objects.delete(entry(0));
    expect(await (await open(objects)).append(row(0), { transaction })).toMatchObject({ version: 11, rows: 0 });
  });
});
