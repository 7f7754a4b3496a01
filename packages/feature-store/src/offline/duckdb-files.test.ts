import * as library from "@duckdb/node-api";
import {
  Field,
  Float64,
  List,
  makeData,
  Table,
  TimestampNanosecond,
  Uint64,
  Vector,
  vectorFromArray,
} from "apache-arrow";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, expectTypeOf, it, onTestFinished } from "vitest";
import {
  column,
  count,
  createFeatureStore,
  entity,
  featureView,
  fromBatches,
  fromTable,
  sum,
  type TableSource,
  window,
} from "../index.ts";
import { arrowTable } from "../testing/tables.ts";
import { arrow } from "./arrow.ts";
import { duckdb, type DuckdbLibrary } from "./duckdb.ts";
import type { OfflineEngine } from "./port.ts";

const hour = 3_600_000_000;

it("reads Parquet files itself, to the same rows as Arrow gives", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-files-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "it's.parquet");
  const instance = await library.DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(`COPY (FROM (VALUES
    ('b', TIMESTAMP '1970-01-01 01:00:00', 4::BIGINT, true), ('a', TIMESTAMP '1970-01-01 00:00:00', NULL, false),
    (NULL, TIMESTAMP '1970-01-01 03:00:00', 5, NULL), ('b', TIMESTAMP '1970-01-01 02:00:00', 6, true)
  ) AS t(id, "at", value, "open")) TO '${file.replaceAll("'", "''")}' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
  const files: TableSource = {
    name: "rows",
    timezone: "UTC",
    localFiles: async () => [file],
    scan: () => {
      throw new Error("the files are there");
    },
  };
  const memory = arrowTable({
    id: ["string", ["b", "a", null, "b"]],
    at: ["naive", [hour, 0, 3 * hour, 2 * hour]],
    value: ["int64", [4n, null, 5n, 6n]],
  });
  const joined = async (source: TableSource, lib: boolean): Promise<unknown[]> => {
    const view = featureView({
      name: "v",
      entities: [entity({ name: "thing", key: { id: "string" } })],
      source,
      eventTime: "at",
      ttl: "forever",
      features: {
        last: column("value", "int64"),
        name: column("id", "string"),
        sum: window("1d", sum("value")),
        rows: window("1h", count()),
      },
    });
    const store = createFeatureStore({ views: [view], ...(lib ? { offline: duckdb() } : {}) });
    const set = await store.trainingSet({ labels: source, time: "at", features: ["v:*"] });
    return Array.from({ length: 4 }, (_, i) => set.row(i));
  };
  expect(await joined(files, true)).toEqual(await joined(fromTable("rows", memory, { timezone: "UTC" }), false));
});

it("reads batch by batch what DuckDB's types do not show as it is, to what Arrow gives", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-files-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, "rows.parquet");
  const instance = await library.DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(`COPY (SELECT 'a' AS id, make_timestamptz(1) AS "at", make_timestamp_ns(2000) AS noted,
    18446744073709551615::UBIGINT AS wide, [1.5, 2.5] AS items) TO '${file}' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
  const base = arrowTable({ id: ["string", ["a"]], at: ["timestamp", [1]] });
  const nanos = makeData({
    type: new TimestampNanosecond("UTC"),
    length: 1,
    nullCount: 0,
    data: BigInt64Array.of(2000n),
  });
  const wide = vectorFromArray([18446744073709551615n], new Uint64());
  const items = vectorFromArray([[1.5, 2.5]], new List(new Field("item", new Float64(), true)));
  const memory = base.assign(new Table({ noted: new Vector([nanos]), wide, items }));
  const rows: TableSource = { ...fromTable("rows", memory), localFiles: async () => [file] };
  const joined = (offline: OfflineEngine, name: string, type: "timestamp" | "int64") => {
    const view = featureView({
      name: "v",
      entities: [entity({ name: "thing", key: { id: "string" } })],
      source: rows,
      eventTime: "at",
      ttl: "forever",
      features: { last: column(name, type) },
    });
    return createFeatureStore({ views: [view], offline }).trainingSet({
      labels: rows,
      time: "at",
      features: ["v:last"],
    });
  };
  const set = await joined(duckdb(), "noted", "timestamp");
  expect(set.row(0)).toEqual({ "v:last": 2n });
  expect(set.digest).toBe((await joined(arrow(), "noted", "timestamp")).digest);
  await expect(joined(duckdb(), "wide", "int64")).rejects.toMatchObject({ code: "COLUMN_TYPE_MISMATCH" });
  await expect(joined(duckdb(), "absent", "int64")).rejects.toMatchObject({ code: "COLUMN_MISSING" });
});

it("joins a source that its memory does not hold, whole and in parts, to what it is with room", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-files-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const instance = await library.DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  // A few hot keys, many that are not, ties, and rows that are known late.
  const rows = `SELECT CASE WHEN i % 3 = 0 THEN 'hot' ELSE 'key ' || (i * 7919 % 5000) END AS id,
      make_timestamptz((i * 31 % 400000) * 1000) AS "at", make_timestamptz((i * 31 % 400000 + i % 977) * 1000) AS known,
      i % 1000 AS value FROM range(700000) AS t(i)`;
  const labelRows = `SELECT id, "at" FROM (${rows}) WHERE value % 13 = 0`;
  for (const [name, sql] of [
    ["rows", rows],
    ["labels", labelRows],
  ] as const)
    await connection.run(`COPY (${sql}) TO '${join(folder, name)}.parquet' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
  const inFile = (name: string): TableSource => ({
    name,
    localFiles: async () => [join(folder, `${name}.parquet`)],
    scan: () => {
      throw new Error("the files are there");
    },
  });
  const store = createFeatureStore({
    views: [
      featureView({
        name: "v",
        entities: [entity({ name: "thing", key: { id: "string" } })],
        source: inFile("rows"),
        eventTime: "at",
        knownAt: "known",
        ttl: "1m",
        features: { last: column("value", "int64") },
      }),
    ],
    offline: duckdb({ memoryLimit: "48MB", threads: 1 }),
  });
  const roomy = createFeatureStore({ views: store.views, offline: duckdb({ threads: 1 }) });
  const ask = { labels: inFile("labels"), time: "at", features: ["v:*"] } as const;
  const whole = await roomy.trainingSet(ask);
  expect((await store.trainingSet(ask)).digest).toBe(whole.digest);
  let sum = 0n;
  let some = 0;
  const parts = await store.writeTrainingSet({
    ...ask,
    rowsPerPart: 20_032,
    to: {
      async append(batches) {
        for await (const batch of batches) for (const value of batch.getChild("v:last") ?? []) sum += value ?? 0n;
      },
    },
  });
  expect(parts.digest).toBe(whole.digest);
  for (let row = 0; row < whole.rows; row++) {
    const { "v:last": last } = whole.row(row);
    if (last !== null) some++;
    sum -= last ?? 0n;
  }
  expect(sum).toBe(0n);
  expect(some).toBeGreaterThan(whole.rows / 2);
});

it("takes the real library through its interface", () => {
  expectTypeOf<typeof library>().toExtend<DuckdbLibrary>();
  expect(duckdb({ lib: library }).name).toBe("duckdb");
});

/** Writes a file of one row, with columns whose names DuckDB could not write side by side. */
async function fileOf(path: string, columns: string, names: Readonly<Record<string, string>>): Promise<string> {
  const instance = await library.DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(`COPY (SELECT ${columns}) TO '${path}' (FORMAT parquet)`);
  connection.closeSync();
  instance.closeSync();
  let bytes = await readFile(path, "latin1");
  for (const [from, to] of Object.entries(names)) bytes = bytes.replaceAll(from, to);
  await writeFile(path, bytes, "latin1");
  return path;
}

it("tells columns of files that differ by letter case apart, as Arrow does", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-files-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const columns = `make_timestamptz(1) AS "time", 'a' AS id, 'b' AS "1d", 1 AS note, 2 AS "2ote"`;
  const file = await fileOf(join(folder, "rows.parquet"), columns, { "1d": "ID", "2ote": "NOTE" });
  const memory = arrowTable({
    time: ["timestamp", [1]],
    id: ["string", ["a"]],
    ID: ["string", ["b"]],
    note: ["int64", [1n]],
    NOTE: ["int64", [2n]],
  });
  const rows: TableSource = { ...fromTable("rows", memory), localFiles: async () => [file] };
  const answer = async (offline: OfflineEngine) => {
    const view = (name: string, id: string, value: string) =>
      featureView({
        name,
        entities: [entity({ name, key: { [id]: "string" } })],
        source: rows,
        eventTime: "time",
        ttl: "forever",
        features: { last: column(value, "int64") },
      });
    await using store = createFeatureStore({ views: [view("v", "ID", "NOTE"), view("w", "id", "note")], offline });
    const set = await store.trainingSet({ labels: rows, features: ["v:last", "w:last"] });
    return { columns: set.columns, digest: set.digest, rows: String((await set.table()).toArray()) };
  };
  const found = await answer(duckdb());
  expect(found).toEqual(await answer(arrow()));
  expect(found.columns).toEqual(["time", "id", "ID", "note", "NOTE", "v:last", "w:last"]);
  expect(JSON.parse(found.rows)).toMatchObject({ ID: "b", "v:last": 2, "w:last": 1 });
});

it("does not take a column of one file for that of another case in the next", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-files-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = (name: string, id: string) =>
    fileOf(join(folder, `${name}.parquet`), `make_timestamptz(1) AS "time", 'a' AS "${id}"`, {});
  const files = [await file("one", "id"), await file("two", "ID")];
  const batches = [
    arrowTable({ time: ["timestamp", [1]], id: ["string", ["a"]] }),
    arrowTable({ time: ["timestamp", [1]], ID: ["string", ["a"]] }),
  ].flatMap((table) => table.batches);
  const rows: TableSource = { ...fromBatches("rows", batches), localFiles: async () => files };
  const view = featureView({
    name: "v",
    entities: [entity({ name: "thing", key: { id: "string" } })],
    source: rows,
    eventTime: "time",
    ttl: "forever",
    features: { last: column("id", "string") },
  });
  const labels = arrowTable({ time: ["timestamp", [1]], id: ["string", ["a"]] });
  for (const offline of [arrow(), duckdb()]) {
    await using store = createFeatureStore({ views: [view], offline });
    const refusal = { code: "COLUMN_MISSING", details: { column: "id" } };
    await expect(store.trainingSet({ labels, features: ["v:last"] })).rejects.toMatchObject(refusal);
  }
});

it.each([
  ["a text that looks like a number", "p=007", "007"],
  ["a text that looks like a day", "p=2001-06-01", "2001-06-01"],
  ["a null", "p=__HIVE_DEFAULT_PARTITION__", null],
  ["a folder that is no partition", "run=5", "x"],
])("takes what folders tell from the source, not from DuckDB: %s", async (_, segment, value) => {
  const root = await mkdtemp(join(tmpdir(), "ashlar-files-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const folder = join(root, segment);
  await mkdir(folder);
  const columns = `make_timestamptz(1) AS "time", 'a' AS id, 7 AS "File_Row_Number"`;
  const file = await fileOf(join(folder, "rows.parquet"), columns, {});
  const memory = arrowTable({
    time: ["timestamp", [1]],
    id: ["string", ["a"]],
    File_Row_Number: ["int64", [7n]],
    p: ["string", [value]],
  });
  const rows: TableSource = { ...fromTable("rows", memory), localFiles: async () => [file] };
  const view = featureView({
    name: "v",
    entities: [entity({ name: "thing", key: { id: "string" } })],
    source: rows,
    eventTime: "time",
    ttl: "forever",
    features: { p: column("p", "string"), rows: window("1h", count()) },
  });
  const answer = async (offline: OfflineEngine) => {
    await using store = createFeatureStore({ views: [view], offline });
    const set = await store.trainingSet({ labels: rows, features: ["v:*"] });
    return { columns: set.columns, digest: set.digest, row: set.row(0) };
  };
  const found = await answer(duckdb());
  expect(found).toEqual(await answer(arrow()));
  expect(found.columns).toEqual(["time", "id", "File_Row_Number", "p", "v:p", "v:rows"]);
  expect(found.row).toEqual({ "v:p": value, "v:rows": 1 });
});

it("numbers the rows of files whose own columns are called as DuckDB calls numbers", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-files-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "rows.parquet");
  const columns = `make_timestamptz(1) AS "time", 'a' AS id, 7 AS "File_Row_Number" UNION ALL SELECT make_timestamptz(2), 'b', 7`;
  const memory = arrowTable({
    time: ["timestamp", [1, 2]],
    id: ["string", ["a", "b"]],
    File_Row_Number: ["int64", [7n, 7n]],
  });
  await fileOf(path, columns, {});
  const rows: TableSource = { ...fromTable("rows", memory), localFiles: async () => [path] };
  const view = featureView({
    name: "v",
    entities: [entity({ name: "thing", key: { id: "string" } })],
    source: rows,
    eventTime: "time",
    ttl: "forever",
    features: { last: column("File_Row_Number", "int64") },
  });
  for (const offline of [arrow(), duckdb()]) {
    await using store = createFeatureStore({ views: [view], offline });
    const set = await store.trainingSet({ labels: rows, features: ["v:last"] });
    expect([set.rows, set.row(0), set.row(1)]).toEqual([2, { "v:last": 7n }, { "v:last": 7n }]);
  }
});

it.each([
  ["one lacks a column", ["", ", 5::BIGINT AS x"], [null, 5n]],
  ["a later one lacks a column", [", 5::BIGINT AS x", ""], [5n, null]],
  ["one has a narrower type", [", 5::INTEGER AS x", ", 1099511627776::BIGINT AS x"], [5n, 1n << 40n]],
] as const)("reads files that are not alike as the source does: %s", async (_, columns, x) => {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-files-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const files = await Promise.all(
    columns.map((more, i) => {
      const time = `make_timestamptz(${i}) AS "time", '${i}' AS id`;
      return fileOf(join(folder, `${i}.parquet`), `${time}${more}`, {});
    }),
  );
  const memory = arrowTable({ time: ["timestamp", [0, 1]], id: ["string", ["0", "1"]], x: ["int64", x] });
  const rows: TableSource = { ...fromTable("rows", memory), localFiles: async () => files };
  const view = featureView({
    name: "v",
    entities: [entity({ name: "thing", key: { id: "string" } })],
    source: rows,
    eventTime: "time",
    ttl: "forever",
    features: { x: column("x", "int64") },
  });
  const digests = [];
  for (const offline of [arrow(), duckdb()]) {
    await using store = createFeatureStore({ views: [view], offline });
    const set = await store.trainingSet({ labels: rows, features: ["v:x"] });
    expect(set.columns).toEqual(["time", "id", "x", "v:x"]);
    expect([set.row(0)["v:x"], set.row(1)["v:x"]]).toEqual(x);
    digests.push(set.digest);
  }
  expect(digests[0]).toBe(digests[1]);
});
