import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileSystem } from "@ashlar/storage/file-system";
import { batchFrom, openLake } from "@ashlar/storage/lake";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { missing, type Spark, startSpark } from "./session.ts";

describe.skipIf(missing !== "" && process.env["CI"] === undefined)(`Spark${missing && `: ${missing}`}`, () => {
  let root = "";
  let spark: Spark;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "ashlar-spark-times-"));
    spark = await startSpark(join(root, "warehouse"));
  }, 120_000);
  afterAll(async () => {
    await spark?.[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  });

  const path = (name: string): string => `delta.\`${join(root, name)}\``;
  const row = (n: number) => batchFrom({ n: ["long", [BigInt(n)]] });
  /** What a copy of the table does to it: all entries are as old as each other. */
  const forgetTimes = async (name: string, from: number): Promise<void> => {
    const log = join(root, name, "_delta_log");
    for (const file of await readdir(log)) {
      const version = Number(/^(\d{20})\.json$/.exec(file)?.[1] ?? Number.NaN);
      if (version >= from) await utimes(join(log, file), 1e9, 1e9);
    }
  };
  const theirTimes = async (name: string): Promise<[number, number][]> => {
    const history = await spark.sql(`DESCRIBE HISTORY ${path(name)}`);
    return history.map(({ version, timestamp }) => [Number(version), Number(timestamp) / 1000]);
  };

  /** Both find the same rows at each moment at which a version came: of so many versions. */
  async function agreed(name: string): Promise<number> {
    const table = await openLake({ objects: fileSystem({ root }) }).table(name);
    const times = (await table.history()).map(({ version, timestamp }): [number, number] => [version, timestamp]);
    expect(times).toEqual(await theirTimes(name));
    for (const [version, timestamp] of times) {
      expect(await table.at({ timestamp }).fingerprint()).toBe(`${name}@${version}`);
      const moment = new Date(timestamp).toISOString();
      const [found] = await spark.sql(`SELECT count(*) c FROM ${path(name)} TIMESTAMP AS OF '${moment}'`);
      expect(Number(found?.["c"])).toBe((await table.snapshot({ version })).rows);
    }
    return times.length;
  }

  it("reads our in-commit timestamps, and writes such as we read, from the beginning of a table", async () => {
    await spark.sql(
      `CREATE TABLE ${path("theirs")} USING delta TBLPROPERTIES ('delta.enableInCommitTimestamps' = true) AS SELECT 1L n`,
    );
    const table = await openLake({ objects: fileSystem({ root }) }).table("theirs");
    await table.append(row(2));
    await spark.sql(`INSERT INTO ${path("theirs")} VALUES (3)`);
    await table.delete({ where: { n: 1n } });
    await forgetTimes("theirs", 0);
    expect(await agreed("theirs")).toBe(4);
  }, 120_000);

  it("and from the version that put them to work, whoever did", async () => {
    for (const name of ["ours", "spark's"]) {
      const table = await openLake({ objects: fileSystem({ root }) }).table(name.replace("'", "-"));
      await table.append(row(1));
      await table.append(row(2));
      const own = table.name;
      if (name === "ours") await table.alter({ properties: { "delta.enableInCommitTimestamps": true } });
      else await spark.sql(`ALTER TABLE ${path(own)} SET TBLPROPERTIES ('delta.enableInCommitTimestamps' = true)`);
      await spark.sql(`INSERT INTO ${path(own)} VALUES (3)`);
      await table.append(row(4));
      await forgetTimes(own, 2);
      expect(await agreed(own)).toBe(5);
    }
  }, 120_000);
});
