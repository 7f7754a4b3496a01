import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { arrowField } from "../parquet/arrow-type.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { fileSystem } from "../object/file-system.ts";
import { batchFrom, type LakeTable, openLake } from "./index.ts";
import { TableLog } from "./log.ts";

async function opened(name: string, partitionBy: readonly string[] = []) {
  const root = await mkdtemp(join(tmpdir(), "ashlar-plain-"));
  onTestFinished(() => rm(root, { recursive: true }));
  const objects = fileSystem({ root });
  const table = await openLake({ objects, codec: hyparquet() }).table(name, { partitionBy });
  await table.append(batchFrom({ 'n"%1': ["integer", [1]], s: ["string", ["a"]], t: ["string", ["b"]] }));
  return { table, log: new TableLog(objects, name) };
}
const count = async (table: LakeTable): Promise<number | undefined> => (await table.localFiles())?.length;

it("are told while they are the rows", async () => {
  for (const partitionBy of [[], ["s"], ["s", "t"]]) {
    const { table } = await opened("t", partitionBy);
    expect(await count(table)).toBe(1);
    await table.append(batchFrom({ 'n"%1': ["integer", [2]], s: ["string", [null]], t: ["string", ["x/y=%"]] }));
    await table.alter({ properties: { "delta.appendOnly": true } });
    expect(await count(table)).toBe(2);
  }
});

it("are not told where a file is older than a column", async () => {
  const { table } = await opened("t");
  await table.alter({ add: [arrowField("x", "long")] });
  expect(await count(table)).toBeUndefined();
  const row = { 'n"%1': ["integer", [2]], s: ["string", ["b"]], t: ["string", ["c"]], x: ["long", [1n]] } as const;
  await table.append(batchFrom(row));
  expect(await count(table)).toBeUndefined();
  await table.optimize();
  expect(await count(table)).toBe(1);
  expect(await table.at(0).localFiles()).toHaveLength(1);
});

it("are not told where a column was dropped or widened", async () => {
  const { table: dropped } = await opened("t");
  await dropped.alter({ drop: "t" });
  expect(await count(dropped)).toBeUndefined();
  const { table: widened } = await opened("t");
  await widened.alter({ widen: { column: 'n"%1', type: "long" } });
  expect(await count(widened)).toBeUndefined();
});

it("are not told where another engine keeps partitions in other folders", async () => {
  const { table, log } = await opened("t", ["s"]);
  const [entry] = (await log.read(0)).flatMap(({ add }) => add ?? []);
  const path = "a8/part.parquet";
  await log.write(1, [{ add: { ...(entry as NonNullable<typeof entry>), path, partitionValues: { s: "z" } } }]);
  expect(await count(table)).toBeUndefined();
});
