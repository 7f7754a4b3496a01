import type { Clock, ObjectStore } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import { cached } from "@ashlar/storage/cached";
import { Field, Int64 } from "apache-arrow";
import { beforeEach, describe, expect, it } from "vitest";
import { clockedStore } from "../../test/clocked-store.ts";
import { valuesOf } from "../../test/rows.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, type LakeTable, openLake } from "./index.ts";

const day = 86_400_000;
const row = (n: number): ReturnType<typeof batchFrom> => batchFrom({ n: ["long", [BigInt(n)]] });
const entry = (version: number): string => `t/_delta_log/${String(version).padStart(20, "0")}.json`;

let now = 0;
let objects: ObjectStore;
const ticking: Clock = { now: () => now, monotonic: () => now, sleep: async () => {} };
/** Of a machine that was asleep, and whose clock was then set back. */
const stopped: Clock = { now: () => 0, monotonic: () => 0, sleep: async () => {} };

beforeEach(() => {
  now = Date.UTC(2026, 0, 1);
  objects = clockedStore(memoryObjectStore(), () => now);
});

const open = (store: ObjectStore, clock: Clock = ticking): Promise<LakeTable> =>
  openLake({ objects: store, codec: hyparquet(), clock }).table("t");

const throughCache = (): ObjectStore =>
  cached(objects, { cache: memoryObjectStore(), immutable: (key) => /\/\d{20}\.json$/.test(key) });

/** Appends the numbers, a day after each other, so that all but the last entries are cleaned up. */
async function moveOn(first: number, last: number): Promise<void> {
  const table = await open(objects);
  for (let n = first; n <= last; n++) {
    now += day;
    await table.append(row(n));
  }
}

async function logVersions(): Promise<number[]> {
  const versions: number[] = [];
  for await (const { key } of objects.list("t/_delta_log/")) {
    const version = /(\d{20})\.json$/.exec(key)?.[1];
    if (version !== undefined) versions.push(Number(version));
  }
  return versions;
}

const upTo = (last: number): bigint[] => Array.from({ length: last + 1 }, (_, n) => BigInt(n));

const sorted = async (table: LakeTable): Promise<unknown[]> =>
  (await valuesOf(table.scan(), "n")).toSorted((a, b) => Number(a) - Number(b));

/** A table that has seen version 2, then sleeps while the log goes on to version 60 and loses its entries up to 29. */
async function sleeper(store: ObjectStore, clock: Clock): Promise<LakeTable> {
  const table = await open(store, clock);
  for (let n = 0; n <= 2; n++) await table.append(row(n));
  // What a cache knows of the entry it keeps.
  expect((await table.snapshot()).version).toBe(2);
  await moveOn(3, 60);
  expect((await logVersions())[0]).toBe(20);
  return table;
}

describe("a process whose newest version was cleaned up while it slept", () => {
  it.each([
    ["a clock that went on", ticking],
    ["clocks that stood still", stopped],
  ])("appends behind the newest, with %s", async (_, clock) => {
    for (const store of [objects, throughCache()]) {
      objects = clockedStore(memoryObjectStore(), () => now);
      const asleep = await sleeper(store === objects ? objects : throughCache(), clock);
      expect((await asleep.append(row(61))).version).toBe(61);
      const reader = await open(objects);
      expect((await reader.snapshot()).version).toBe(61);
      expect(await sorted(reader)).toEqual(upTo(61));
      const versions = await logVersions();
      expect(versions).toEqual(Array.from(versions, (_version, index) => (versions[0] ?? 0) + index));
    }
  });

  it("reads the newest through a cache", async () => {
    const asleep = await sleeper(throughCache(), ticking);
    expect((await asleep.snapshot()).version).toBe(60);
    expect(await sorted(asleep)).toEqual(upTo(60));
  });

  it("does not take an entry that a clean-up spared for the newest", async () => {
    const store = clockedStore(memoryObjectStore(), () => now);
    objects = { ...store, delete: async (key) => (key === entry(2) ? undefined : store.delete(key)) };
    const table = await open(objects);
    for (let n = 0; n <= 2; n++) await table.append(row(n));
    await moveOn(3, 60);
    expect((await logVersions()).slice(0, 2)).toEqual([2, 20]);
    expect((await table.snapshot()).version).toBe(60);
    expect((await table.append(row(61))).version).toBe(61);
    expect(await sorted(await open(objects))).toEqual(upTo(61));
  });
});

describe("an entry whose writer was killed before he could look whether its place had been cleaned up", () => {
  /** A table whose log goes from 20 to 60, and has such an entry in a place that was cleaned up; and a process that sleeps before it. */
  async function withStray(version: number): Promise<LakeTable> {
    const asleep = await sleeper(objects, ticking);
    const left = await (await objects.get(entry(60))).bytes();
    await objects.put(entry(version), left);
    return asleep;
  }
  const noStray = (versions: readonly number[]): boolean => versions.every((version) => version >= 20);

  it.each([3, 10, 0])("is read by nobody: at version %d", async (version) => {
    await withStray(version);
    const table = await open(objects);
    expect(await sorted(table)).toEqual(upTo(60));
    expect(noStray((await table.history()).map((one) => one.version))).toBe(true);
    // It came last: by its time no version before it would be found any more.
    expect(await table.at({ timestamp: now - 10 * day }).fingerprint()).toBe("t@50");
    const changed = valuesOf(table.changes({ from: version, to: 60 }), "n");
    await expect(changed).rejects.toMatchObject({ code: "VERSION_NOT_FOUND", details: { earliest: 20 } });
    await expect(table.snapshot({ version })).rejects.toMatchObject({ code: "VERSION_NOT_FOUND" });
  });

  it("does not stop a process that wants its place", async () => {
    const asleep = await withStray(3);
    const states = [await asleep.append(row(61)), await asleep.append(row(62))];
    expect(states.map(({ version }) => version)).toEqual([61, 62]);
    expect(await sorted(await open(objects))).toEqual(upTo(62));
  });

  it("makes one that was decided by what it was decide anew, or tells of it", async () => {
    const asleep = await open(objects);
    for (let n = 0; n <= 2; n++) await asleep.append(row(n));
    const wide = async function* (): AsyncGenerator<ReturnType<typeof batchFrom>> {
      yield batchFrom({ n: ["long", [61n]], m: ["long", [1n]] });
      await moveOn(3, 60);
      await objects.put(entry(3), await (await objects.get(entry(60))).bytes());
    };
    await expect(asleep.append(wide(), { evolve: "add-columns" })).rejects.toMatchObject({
      code: "COMMIT_CONFLICT",
      details: { kind: "logCleanedUp" },
    });
    expect((await asleep.append(row(61))).version).toBe(61);
  });

  it("goes with the next clean-up, which it does not hold up", async () => {
    await withStray(3);
    await moveOn(61, 110);
    const versions = await logVersions();
    expect(versions[0]).toBeGreaterThan(20);
    expect(noStray(versions)).toBe(true);
  });
});

describe("a log that is cleaned up while rows are written", () => {
  const slowly = async function* (n: number): AsyncGenerator<ReturnType<typeof batchFrom>> {
    yield row(n);
    await moveOn(3, 60);
  };

  it("gets a blind append behind its newest version", async () => {
    const table = await open(objects);
    for (let n = 0; n <= 2; n++) await table.append(row(n));
    expect((await table.append(slowly(61))).version).toBe(61);
    expect(await sorted(await open(objects))).toEqual(upTo(61));
    expect(await logVersions()).not.toContain(3);
  });

  it("refuses what was decided by what it was, or has it decided anew", async () => {
    const table = await open(objects);
    for (let n = 0; n <= 2; n++) await table.append(row(n));
    const widened = async function* (): AsyncGenerator<ReturnType<typeof batchFrom>> {
      yield batchFrom({ n: ["long", [61n]], m: ["long", [1n]] });
      await moveOn(3, 60);
    };
    await expect(table.append(widened(), { evolve: "add-columns" })).rejects.toMatchObject({
      code: "COMMIT_CONFLICT",
      details: { kind: "logCleanedUp" },
    });
    expect(await sorted(await open(objects))).toEqual(upTo(60));
    expect(await logVersions()).not.toContain(3);
    expect((await table.delete({ where: { n: { gt: 50n } } })).version).toBe(61);
    expect(await sorted(await open(objects))).toEqual(upTo(50));
  });
});

describe("a commit that others pass at once", () => {
  /** Each time an entry of these versions is written, others go on before its writer hears of it. */
  const passing = (versions: readonly number[]): ObjectStore => ({
    ...objects,
    async put(key, body, options) {
      const info = await objects.put(key, body, options);
      const count = versions.some((version) => key === entry(version)) ? 25 : 0;
      const others = await open(objects);
      for (let n = 0; n < count; n++) await others.append(row(1000), { evolve: "add-columns" });
      return info;
    },
  });

  it("stands, once", async () => {
    const table = await open(passing([1, 27]));
    for (let n = 0; n <= 2; n++) await table.append(row(n));
    expect((await valuesOf(table.scan(), "n")).filter((n) => n !== 1000n)).toEqual([0n, 1n, 2n]);
    expect((await table.snapshot()).version).toBe(52);
  });

  it("stands when it brought no file", async () => {
    const table = await open(passing([1, 27]));
    await table.append(row(0));
    expect((await table.delete({ where: { n: 0n } })).version).toBe(1);
    expect((await table.alter({ add: [new Field("m", new Int64(), true)] })).version).toBe(27);
    expect((await table.snapshot()).version).toBe(52);
  });
});
