import type { ObjectStore } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import fc from "fast-check";
import { expect, it } from "vitest";
import { agedStore } from "../../test/aged-store.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import type { Action } from "./actions.ts";
import { VersionTimes } from "./in-commit-timestamp.ts";
import { batchFrom, type LakeTable, openLake } from "./index.ts";
import { TableLog } from "./log.ts";

const row = batchFrom({ n: ["long", [1n]] });
const entry = (version: number): string => `t/_delta_log/${String(version).padStart(20, "0")}.json`;
const on = { properties: { "delta.enableInCommitTimestamps": true } };
const since = (key: string): string => `delta.inCommitTimestampEnablement${key}`;

/** A store whose entries are as old as is said, and writers whose clock shows what is said. */
interface World {
  readonly objects: ObjectStore;
  readonly log: TableLog;
  now: number;
  age(version: number, time: number): void;
  open(): Promise<LakeTable>;
}

function world(): World {
  const { objects, age } = agedStore(memoryObjectStore());
  const made: World = {
    objects,
    log: new TableLog(objects, "t"),
    now: 1000,
    age: (version, time) => age(entry(version), time),
    open: () => openLake({ objects, codec: hyparquet(), clock }).table("t"),
  };
  const clock = { now: () => made.now, monotonic: () => 0, sleep: async () => {} };
  return made;
}

async function configurationOf(log: TableLog, version: number): Promise<Readonly<Record<string, string>>> {
  const actions: readonly Action[] = await log.read(version);
  return actions.find((action) => action.metaData !== undefined)?.metaData?.configuration ?? {};
}

const timesOf = async (table: LakeTable): Promise<number[]> =>
  (await table.history()).map(({ timestamp }) => timestamp).toReversed();

/** Two versions by the store's time, then the property, then two that say when they were committed. */
async function enabledAtTwo(): Promise<World & { readonly table: LakeTable }> {
  const made = world();
  for (const [version, time] of [100, 200, 5, 9_999_999, 7].entries()) made.age(version, time);
  const table = await made.open();
  await table.append(row);
  await table.append(row);
  await table.alter(on);
  // The clock of the next writer is slow, that of the last one stands still.
  made.now = 400;
  await table.append(row);
  await table.append(row);
  return Object.assign(made, { table });
}

it("says of each version when it was committed, in order, whatever the clocks and the store say later", async () => {
  const { table, log } = await enabledAtTwo();
  expect(await timesOf(table)).toEqual([100, 200, 1000, 1001, 1002]);
  const configuration = await configurationOf(log, 2);
  expect([configuration[since("Version")], configuration[since("Timestamp")]]).toEqual(["2", "1000"]);
  const [first] = await log.read(3);
  expect(first?.commitInfo).toMatchObject({ operation: "WRITE", inCommitTimestamp: 1001 });
  const protocols = (await log.read(2)).flatMap(({ protocol }) => protocol ?? []);
  expect(protocols).toMatchObject([
    { minReaderVersion: 1, writerFeatures: expect.arrayContaining(["inCommitTimestamp"]) as unknown },
  ]);
});

it("is what time travel goes by from then on, and before by when the store got a version", async () => {
  const { table } = await enabledAtTwo();
  const at = (timestamp: number): Promise<string> => table.at({ timestamp }).fingerprint();
  for (const [moment, version] of [
    [100, 0],
    [199, 0],
    [999, 1],
    [1000, 2],
    [1001, 3],
    [9_999_999_999, 4],
  ] as const) {
    expect(await at(moment)).toBe(`t@${version}`);
  }
  await expect(at(99)).rejects.toMatchObject({ code: "TIMESTAMP_NOT_FOUND", details: { earliest: 100 } });
  const changed: unknown[] = [];
  for await (const batch of table.changes({ from: 1 })) changed.push(batch.getChild("_commit_timestamp")?.get(0));
  expect(changed.map(Number)).toEqual([200, 1001, 1002]);
});

it("goes on after a checkpoint, which does not tell the time of its version", async () => {
  const made = await enabledAtTwo();
  await made.table.checkpoint();
  made.now = 1;
  await (await made.open()).append(row);
  expect(await timesOf(await made.open())).toEqual([100, 200, 1000, 1001, 1002, 1003]);
});

it("has an order when many write at once", async () => {
  const made = await enabledAtTwo();
  const tables = await Promise.all(Array.from({ length: 5 }, () => made.open()));
  await Promise.all(tables.map((table) => table.append(row)));
  expect((await timesOf(made.table)).slice(4)).toEqual([1002, 1003, 1004, 1005, 1006, 1007]);
});

it("is turned off and on again, and a restored version does not change since when", async () => {
  const made = await enabledAtTwo();
  await made.table.restore({ version: 3 });
  expect(await configurationOf(made.log, 5).then((found) => found[since("Version")] ?? "2")).toBe("2");
  await made.table.alter({ properties: { "delta.enableInCommitTimestamps": false } });
  expect(Object.keys(await configurationOf(made.log, 6)).filter((key) => key.includes("Enablement"))).toEqual([]);
  expect((await made.log.read(6))[0]?.commitInfo).not.toHaveProperty("inCommitTimestamp");
  made.now = 10_000_000_000_000;
  await made.table.alter(on);
  expect((await configurationOf(made.log, 7))[since("Version")]).toBe("7");
  await made.table.restore({ version: 1 });
  expect(await configurationOf(made.log, 8)).toEqual({});
});

it("names an entry that does not say when it was committed, though all do", async () => {
  const { table, objects } = await enabledAtTwo();
  const text = new TextDecoder().decode(await (await objects.get(entry(3))).bytes());
  await objects.put(entry(3), new TextEncoder().encode(text.replace("inCommitTimestamp", "inCommitTime")));
  await expect(table.history()).rejects.toMatchObject({ code: "LOG_CORRUPT", details: { file: entry(3) } });
  await expect(table.at({ timestamp: 1001 }).snapshot()).rejects.toMatchObject({ code: "LOG_CORRUPT" });
});

it("finds the version of every moment, as looking at each would", async () => {
  const property = fc.asyncProperty(
    fc.nat(8),
    fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 12 }),
    fc.nat(40),
    async (before, steps, moment) => {
      const objects = memoryObjectStore();
      const log = new TableLog(objects, "t");
      const given: number[] = [];
      for (const step of steps) given.push((given.at(-1) ?? 10) + step);
      for (const [index, inCommitTimestamp] of given.entries())
        await log.write(before + index, [{ commitInfo: { inCommitTimestamp } }]);
      const commits = Array.from({ length: before + steps.length }, (_, version) => ({
        version,
        modified: version,
        etag: "",
      }));
      const configuration = {
        "delta.enableInCommitTimestamps": "true",
        ...(before === 0 ? {} : { [since("Version")]: String(before), [since("Timestamp")]: String(given[0] ?? 99) }),
      };
      const all = commits.map(({ version, modified }) =>
        version < before ? modified : (given[version - before] ?? 0),
      );
      const found = await new VersionTimes(log, { configuration }, commits).versionAt(moment);
      expect(found ?? -1).toBe(all.findLastIndex((time) => time <= moment));
    },
  );
  await fc.assert(property, { numRuns: 100 });
});
