import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { fileSystem } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { duckdb } from "@ashlar/storage/duckdb";
import { batchFrom, between, type Lake, openLake, parquetFiles } from "@ashlar/storage/lake";
import { makeVector, RecordBatch, Table, TimestampMicrosecond, Utf8, vectorFromArray } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const python = process.env["ASHLAR_PYTHON"] ?? here("../../.venv/bin/python");
const found = spawnSync(python, ["-c", "import deltalake, pyarrow"]).status === 0;
const mandatory = process.env["CI"] !== undefined;

const delta = async (...args: readonly string[]): Promise<Record<string, unknown>> => {
  const { stdout } = await promisify(execFile)(python, [here("delta.py"), ...args]);
  return JSON.parse(stdout) as Record<string, unknown>;
};

const rows = (numbers: readonly bigint[], parts: readonly string[]): Table =>
  new Table({
    n: makeVector(BigInt64Array.from(numbers)),
    s: vectorFromArray(
      numbers.map((n) => `row ${n}`),
      new Utf8(),
    ),
    at: vectorFromArray(
      numbers.map(() => 991_398_600_123),
      new TimestampMicrosecond(),
    ),
    part: vectorFromArray(parts, new Utf8()),
  });

const need = found ? "" : ": needs the Python package deltalake, set ASHLAR_PYTHON";

describe.runIf(found || mandatory)(`delta-rs${need}`, () => {
  let root = "";
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "ashlar-delta-rs-"));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  it.each([
    ["duckdb", duckdb],
    ["hyparquet", hyparquet],
  ])("opens what %s wrote: partitions, types, versions", async (name, codec) => {
    await using parquet = codec();
    const table = await openLake({ objects: fileSystem({ root }), codec: parquet }).table(name, {
      partitionBy: ["part"],
    });
    await table.append(rows([1n, 9_007_199_254_740_993n], ["x y", "a/b:c%d"]));
    await table.append(rows([3n], ["ü=1"]));
    const latest = await delta("describe", join(root, name));
    expect(latest).toMatchObject({
      version: 1,
      partitionBy: ["part"],
      schema: { n: "int64", at: "timestamp[us, tz=UTC]" },
    });
    expect(latest["rows"]).toEqual([
      { n: 1, s: "row 1", at: "2001-06-01T12:30:00.123000+00:00", part: "x y" },
      { n: 3, s: "row 3", at: "2001-06-01T12:30:00.123000+00:00", part: "ü=1" },
      {
        n: Number("9007199254740993"),
        s: "row 9007199254740993",
        at: "2001-06-01T12:30:00.123000+00:00",
        part: "a/b:c%d",
      },
    ]);
    expect((await delta("describe", join(root, name), "0"))["rows"]).toHaveLength(2);
  });

  it("carries what a table expects along, through its own writes and its checkpoint", async () => {
    const open = () => openLake({ objects: fileSystem({ root }) });
    const numbers = (n: bigint): ReturnType<typeof batchFrom> => batchFrom({ n: ["long", [n]] });
    await (await open().table("expecting", { expect: [between("n", 0, 9)] })).append(numbers(1n));
    expect(await delta("goOn", join(root, "expecting"))).toEqual({ version: 2 });
    await unlink(join(root, "expecting/_delta_log/00000000000000000000.json"));
    const table = await open().table("expecting");
    await expect(table.append(numbers(100n))).rejects.toMatchObject({ code: "EXPECTATION_FAILED" });
    await expect(table.update({ where: { n: 5 }, set: { n: 50n } })).rejects.toMatchObject({
      code: "EXPECTATION_FAILED",
    });
    expect((await table.append(numbers(9n))).version).toBe(3);
  });

  it("writes what we read: with its log, and from its checkpoint alone", async () => {
    const lake = openLake({ objects: fileSystem({ root }) });
    expect(await delta("write", join(root, "theirs"))).toEqual({ version: 2 });
    const expected = await read(lake, "theirs");
    expect(expected).toHaveLength(5);
    expect(expected).toContainEqual({ n: 9_007_199_254_740_993n, s: "ä b", part: "a/b:c" });
    for (const version of [0, 1])
      await unlink(join(root, `theirs/_delta_log/${String(version).padStart(20, "0")}.json`));
    expect(await read(lake, "theirs")).toEqual(expected);
    const table = await lake.table("theirs");
    expect(await table.snapshot()).toMatchObject({ version: 2, rows: 5, partitionBy: ["part"] });
  });

  it("opens what went from files into a table, from a checkpoint of groups that three processes encoded", async () => {
    await using codec = duckdb();
    const objects = fileSystem({ root });
    await (await openLake({ objects, codec }).table("made")).append(rows([5n, 6n], ["x y", "ü=1"]));
    const [file = ""] = (await (await openLake({ objects, codec }).table("made")).localFiles()) ?? [];
    for (let session = 0; session < 3; session++) {
      // A lake of its own knows nothing of what another has encoded but what the last checkpoint says.
      const table = await openLake({ objects, codec }).table("copied", { partitionBy: ["part"] });
      for (let n = 0; n < 7; n++) await table.append(parquetFiles(file));
    }
    for (let version = 0; version < 20; version++)
      await unlink(join(root, `copied/_delta_log/${String(version).padStart(20, "0")}.json`));
    const described = await delta("describe", join(root, "copied"));
    expect(described).toMatchObject({ version: 20, partitionBy: ["part"] });
    const at = "2001-06-01T12:30:00.123000+00:00";
    expect(described["rows"]).toEqual([
      ...Array.from({ length: 21 }, () => ({ n: 5, s: "row 5", at, part: "x y" })),
      ...Array.from({ length: 21 }, () => ({ n: 6, s: "row 6", at, part: "ü=1" })),
    ]);
  });

  async function read(lake: Lake, name: string): Promise<unknown[]> {
    const found: unknown[] = [];
    for await (const batch of (await lake.table(name)).scan({ columns: ["n", "s", "part"] })) {
      expect(batch).toBeInstanceOf(RecordBatch);
      for (const row of batch) found.push((row as { toJSON(): unknown }).toJSON());
    }
    return found.sort((a, b) => (String((a as { n: unknown }).n) < String((b as { n: unknown }).n) ? -1 : 1));
  }
});
