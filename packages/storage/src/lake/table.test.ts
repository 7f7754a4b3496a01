import { mkdtemp, readFile, rm, truncate, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryObjectStore } from "@ashlar/core/memory";
import type { ObjectStore } from "@ashlar/core";
import type { RecordBatch } from "apache-arrow";
import { afterAll, describe, expect, it } from "vitest";
import { fileSystem } from "../object/file-system.ts";
import { columnsOf } from "../parquet/column.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import {
  batchFrom,
  between,
  type LakeTable,
  type LakeTableView,
  notNull,
  oneOf,
  openLake,
  type ScanOptions,
} from "./index.ts";

const folders: string[] = [];
const folder = async (): Promise<string> => {
  const made = await mkdtemp(join(tmpdir(), "ashlar-lake-"));
  folders.push(made);
  return made;
};
afterAll(() => Promise.all(folders.map((path) => rm(path, { recursive: true, force: true }))));

const batch = batchFrom;
const flights = (months: readonly string[], delays: readonly (bigint | null)[]): RecordBatch =>
  batch({
    month: ["string", months],
    delay: ["long", delays],
    at: ["timestamp_ntz", delays.map((_, i) => BigInt(i) * 1_000_001n)],
  });

async function read(
  view: Pick<LakeTableView, "scan">,
  options: ScanOptions & { version?: number } = {},
): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const part of view.scan(options)) {
    const columns = columnsOf(part);
    for (let row = 0; row < part.numRows; row++) {
      rows.push(Object.fromEntries(columns.map((column) => [column.name, column.get(row)])));
    }
  }
  return rows;
}

const memoryLake = (): ReturnType<typeof openLake> => openLake({ objects: memoryObjectStore(), codec: hyparquet() });

describe("append and scan", () => {
  it("keeps rows by version, and prunes columns, partitions and files", async () => {
    const root = await folder();
    await using lake = openLake({ objects: fileSystem({ root }) });
    const table = await lake.table("flights", { partitionBy: ["month"] });
    await expect(table.snapshot()).rejects.toMatchObject({ code: "TABLE_NOT_FOUND" });
    const first = await table.append(flights(["2001-01", "2001-02", "2001-01"], [1n, 2n, 9_007_199_254_740_993n]));
    expect(first).toEqual({ version: 0, rows: 3, files: 2, quarantined: 0 });
    await table.append([flights(["2001-03"], [null])]);
    expect(await read(table, { columns: ["delay"], where: { month: "2001-01" } })).toEqual([
      { delay: 1n },
      { delay: 9_007_199_254_740_993n },
    ]);
    expect(await read(table, { columns: ["month", "at"], where: { delay: { gt: 1, lt: 3 } } })).toEqual([
      { month: "2001-02", at: 1_000_001n },
    ]);
    expect(await read(table, { where: { delay: { null: true } }, columns: ["month"] })).toEqual([{ month: "2001-03" }]);
    expect(await read(table.at(0), { columns: ["delay"] })).toHaveLength(3);
    expect(await read(table, { version: 1 })).toHaveLength(4);
    await expect(read(table, { version: 7 })).rejects.toMatchObject({ code: "VERSION_NOT_FOUND" });
    const snapshot = await table.snapshot();
    expect(snapshot).toMatchObject({ version: 1, rows: 4, partitionBy: ["month"] });
    expect(snapshot.schema.names).toEqual(["month", "delay", "at"]);
    expect(await table.fingerprint()).toBe("flights@1");
    const paths = (await table.at(0).localFiles()) ?? [];
    expect(paths.map((path) => path.slice(root.length, root.length + 23))).toEqual([
      "/flights/month=2001-01/",
      "/flights/month=2001-02/",
    ]);
    expect((await table.history()).map((entry) => entry.version)).toEqual([1, 0]);
  });

  it("agrees with a filter over all rows, whatever the statistics say", async () => {
    const table = await memoryLake().table("t");
    const values = ["", "a", "ä", "\u{ff5e}", "\u{1f600}", "b".repeat(40), null];
    for (const value of values) await table.append(batch({ s: ["string", [value]], d: ["double", [Number.NaN]] }));
    expect(await read(table, { columns: ["s"], where: { s: { gt: "\u{ff5e}" } } })).toEqual([{ s: "\u{1f600}" }]);
    expect(await read(table, { columns: ["s"], where: { s: { gte: "b".repeat(39), lt: "c" } } })).toHaveLength(1);
    expect(await read(table, { columns: ["s"], where: { d: { gte: 0 } } })).toEqual([]);
  });

  it("lets many racing writers in, one version each", async () => {
    const lake = memoryLake();
    const writers = Array.from({ length: 8 }, async (_, i) =>
      (await lake.table("t")).append(batch({ n: ["long", [BigInt(i)]] })),
    );
    const versions = (await Promise.all(writers)).map((result) => result.version);
    expect(versions.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(await read(await lake.table("t"))).toHaveLength(8);
  });

  it("does a repeated transaction once and answers the same", async () => {
    const table = await memoryLake().table("t");
    const rows = batch({ n: ["long", [1n, 2n]] });
    const transaction = { appId: "ingest", version: 1 };
    const first = await table.append(rows, { transaction });
    await table.append(rows);
    expect(await table.append(rows, { transaction })).toEqual(first);
    expect((await table.snapshot()).rows).toBe(4);
    expect((await table.append(rows, { transaction: { ...transaction, version: 2 } })).version).toBe(2);
  });
});

describe("expectations", () => {
  const rows = (): RecordBatch => flights(["a", "b", "c"], [5n, 5000n, null]);
  const expectations = [notNull("delay"), between("delay", -120, 3000), oneOf("month", ["a", "b", "c"])];

  it("fail an append before anything is committed", async () => {
    const objects = memoryObjectStore();
    const table = await openLake({ objects, codec: hyparquet() }).table("t");
    const appending = table.append(rows(), { expect: expectations });
    await expect(appending).rejects.toMatchObject({
      code: "EXPECTATION_FAILED",
      details: { rows: 2, example: "5000" },
    });
    for await (const { key } of objects.list("")) expect.unreachable(key);
  });

  it("send bad rows to the quarantine with the reason", async () => {
    const lake = memoryLake();
    const table = await lake.table("t");
    const result = await table.append(rows(), { expect: expectations, onViolation: "quarantine" });
    expect(result).toMatchObject({ rows: 1, quarantined: 2 });
    const bad = await lake.table("t__quarantine");
    expect(await read(bad, { columns: ["month", "_reason"] })).toEqual([
      { month: "b", _reason: 'between("delay", -120, 3000)' },
      { month: "c", _reason: 'notNull("delay")' },
    ]);
    expect((await table.append(rows(), { expect: expectations, onViolation: "warn" })).rows).toBe(3);
  });
});

describe("refusals", () => {
  it.each([
    ["SCHEMA_MISMATCH", () => batch({ n: ["double", [1]] })],
    ["SCHEMA_MISMATCH", () => batch({ m: ["long", [1n]] })],
    ["SCHEMA_MISMATCH", () => batch({ n: ["long", [1n]], m: ["long", [1n]] })],
  ])("%s for rows that do not fit", async (code, rows) => {
    const table = await memoryLake().table("t");
    await table.append(batch({ n: ["long", [1n]] }));
    await expect(table.append(rows())).rejects.toMatchObject({ code });
  });

  it("names bad names, partitions, columns and values", async () => {
    const lake = memoryLake();
    await expect(lake.table("../x")).rejects.toMatchObject({ code: "TABLE_NAME_INVALID" });
    const table = await lake.table("t", { partitionBy: ["nowhere"] });
    await expect(table.append(batch({ n: ["long", [1n]] }))).rejects.toMatchObject({ code: "PARTITION_INVALID" });
    const other = await lake.table("u");
    await other.append(batch({ n: ["long", [1n]] }));
    await expect(read(other, { columns: ["x"] })).rejects.toMatchObject({ code: "COLUMN_UNKNOWN" });
    await expect(read(other, { where: { n: "1" } })).rejects.toMatchObject({ code: "PREDICATE_INVALID" });
    await expect(lake.table("u", { partitionBy: ["n"] })).rejects.toMatchObject({ code: "PARTITION_INVALID" });
    const none = await lake.table("none");
    await expect(none.append([])).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
  });

  it("names the feature of a table that needs a later protocol", async () => {
    const objects = memoryObjectStore();
    const metaData = {
      id: "x",
      format: { provider: "parquet", options: {} },
      schemaString: '{"type":"struct","fields":[{"name":"n","type":"long","nullable":true,"metadata":{}}]}',
      partitionColumns: [],
      configuration: {},
    };
    const put = async (name: string, protocol: object): Promise<void> => {
      const lines = [{ protocol }, { metaData }].map((action) => JSON.stringify(action)).join("\n");
      await objects.put(`${name}/_delta_log/00000000000000000000.json`, new TextEncoder().encode(lines));
    };
    await put("r", {
      minReaderVersion: 3,
      minWriterVersion: 7,
      readerFeatures: ["deletionVectors", "variantType"],
      writerFeatures: ["deletionVectors", "variantType"],
    });
    await put("w", { minReaderVersion: 1, minWriterVersion: 7, writerFeatures: ["appendOnly", "rowTracking"] });
    const lake = openLake({ objects, codec: hyparquet() });
    const refusal = { code: "PROTOCOL_UNSUPPORTED" };
    await expect(read(await lake.table("r"))).rejects.toMatchObject({
      ...refusal,
      details: { features: ["variantType"] },
    });
    expect(await read(await lake.table("w"))).toEqual([]);
    await expect((await lake.table("w")).append(batch({ n: ["long", [1n]] }))).rejects.toMatchObject({
      ...refusal,
      details: { features: ["rowTracking"] },
    });
  });
});

describe("what changed meanwhile", () => {
  it("makes a racing writer with other columns lose", async () => {
    const lake = memoryLake();
    const [one, two] = [await lake.table("t"), await lake.table("t")];
    const outcomes = await Promise.allSettled([
      one.append(batch({ n: ["long", [1n]] })),
      two.append(batch({ n: ["string", ["1"]] })),
    ]);
    const lost = outcomes.find((outcome) => outcome.status === "rejected");
    expect(lost?.reason).toMatchObject({ code: "COMMIT_CONFLICT", retryable: true });
    expect(await read(await lake.table("t"))).toHaveLength(1);
  });

  it("refuses to write where an invariant would have to be checked", async () => {
    const objects = memoryObjectStore();
    const metadata = { "delta.invariants": '{"expression":{"expression":"n > 0"}}' };
    const field = { name: "n", type: "long", nullable: true, metadata };
    const metaData = {
      id: "x",
      schemaString: JSON.stringify({ type: "struct", fields: [field] }),
      partitionColumns: [],
    };
    const actions = [{ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }, { metaData }];
    const text = actions.map((action) => JSON.stringify(action)).join("\n");
    await objects.put("t/_delta_log/00000000000000000000.json", new TextEncoder().encode(text));
    const table = await openLake({ objects, codec: hyparquet() }).table("t");
    await expect(table.append(batch({ n: ["long", [1n]] }))).rejects.toMatchObject({ code: "TABLE_READ_ONLY" });
  });
});

describe("damage", () => {
  const damaged = async (): Promise<{
    root: string;
    table: Awaited<ReturnType<ReturnType<typeof openLake>["table"]>>;
    file: string;
  }> => {
    const root = await folder();
    // Each lake reads the log for itself, as each process does: the writer's has no need of what is damaged.
    const open = (): Promise<LakeTable> => openLake({ objects: fileSystem({ root }), codec: hyparquet() }).table("t");
    const writer = await open();
    for (let i = 0; i < 3; i++) await writer.append(batch({ n: ["long", [BigInt(i)]] }));
    return { root, table: await open(), file: (await writer.localFiles())?.[1] ?? "" };
  };
  const entry = (root: string, version: number): string =>
    join(root, `t/_delta_log/${String(version).padStart(20, "0")}.json`);

  it("names a log entry that is gone or unreadable, and overwrites nothing", async () => {
    const { root, table } = await damaged();
    const kept = await readFile(entry(root, 1));
    await unlink(entry(root, 1));
    await expect(read(table)).rejects.toMatchObject({
      code: "LOG_CORRUPT",
      details: { file: "t/_delta_log/00000000000000000001.json" },
    });
    await expect(table.append(batch({ n: ["long", [1n]] }))).rejects.toMatchObject({ code: "LOG_CORRUPT" });
    await writeFile(entry(root, 1), kept.subarray(0, kept.length / 2));
    await expect(read(table)).rejects.toMatchObject({ code: "LOG_CORRUPT" });
    await writeFile(entry(root, 1), kept);
    expect(await read(table)).toHaveLength(3);
  });

  it("names a data file that is gone, cut or altered", async () => {
    const { table, file } = await damaged();
    const kept = await readFile(file);
    await truncate(file, kept.length - 1);
    await expect(read(table)).rejects.toMatchObject({ code: "DATA_FILE_CORRUPT" });
    await writeFile(file, Buffer.alloc(kept.length));
    await expect(read(table)).rejects.toMatchObject({ code: "DATA_FILE_CORRUPT" });
    await unlink(file);
    await expect(read(table)).rejects.toMatchObject({ code: "DATA_FILE_MISSING" });
  });
});

describe("the log", () => {
  it("is read once in a process, and from the start when the table was made anew", async () => {
    const objects = memoryObjectStore();
    let reads = 0;
    const counting: ObjectStore = {
      capabilities: objects.capabilities,
      get: (key, options) => {
        if (key.endsWith(".json")) reads += 1;
        return objects.get(key, options);
      },
      put: (...args) => objects.put(...args),
      head: (...args) => objects.head(...args),
      delete: (...args) => objects.delete(...args),
      list: (...args) => objects.list(...args),
    };
    const open = async (): Promise<LakeTable> => openLake({ objects: counting, codec: hyparquet() }).table("t");
    const [table, other] = [await open(), await open()];
    const row = batchFrom({ n: ["long", [1n]] });
    for (let version = 0; version < 12; version++) await (version % 3 === 0 ? other : table).append(row);
    const before = await table.snapshot();
    expect([before.version, before.rows]).toEqual([11, 12]);
    reads = 0;
    expect((await table.append(row)).version).toBe(12);
    expect((await table.snapshot()).rows).toBe(13);
    expect(reads).toBe(0);
    expect([before.rows, before.files.length]).toEqual([12, 12]);
    expect((await table.snapshot({ version: 3 })).rows).toBe(4);

    const keys: string[] = [];
    for await (const { key } of objects.list("t/")) keys.push(key);
    for (const key of keys) await objects.delete(key);
    await expect(table.snapshot()).rejects.toMatchObject({ code: "TABLE_NOT_FOUND" });
    for (let version = 0; version < 14; version++) await other.append(batchFrom({ m: ["long", [2n]] }));
    const anew = await table.snapshot();
    expect([anew.version, anew.rows, anew.schema.fields[0]?.name]).toEqual([13, 14, "m"]);
  });
});
