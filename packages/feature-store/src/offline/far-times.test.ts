import * as library from "@duckdb/node-api";
import { type Data, DateDay, makeData, Table, TimestampMicrosecond, Vector } from "apache-arrow";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  column,
  createFeatureStore,
  entity,
  featureView,
  fromTable,
  last,
  type TableSource,
  window,
} from "../index.ts";
import { arrowTable } from "../testing/tables.ts";
import { arrow } from "./arrow.ts";
import { duckdb } from "./duckdb.ts";

const end = 2n ** 63n - 1n;
const day = 86_400_000_000n;
/** A time as DuckDB and as Arrow have it, of a type. */
const far = {
  "a date in 9999": ["DATE '9999-12-31'", new DateDay(), 2_932_896n * day],
  "a date before 1684": ["DATE '1600-01-01'", new DateDay(), -135_140n * day],
  "the greatest date": ["DATE 'infinity'", new DateDay(), (2n ** 31n - 1n) * day],
  "a time in 9999": ["TIMESTAMP '9999-12-31'", new TimestampMicrosecond(), 2_932_896n * day],
  "the greatest time": ["TIMESTAMP 'infinity'", new TimestampMicrosecond(), end],
  "the least time but one": ["TIMESTAMPTZ '-infinity'", new TimestampMicrosecond("UTC"), -end],
} as const;

let folder = "";
let files = 0;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "ashlar-far-"))));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** One row of `id`, `time` and the far time `x`, in a file and in memory. */
async function rowsWith(name: keyof typeof far): Promise<{ readonly file: TableSource; readonly memory: TableSource }> {
  const [sql, type, micros] = far[name];
  const path = join(folder, `${(files += 1)}.parquet`);
  const instance = await library.DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(
    `COPY (SELECT 'a' AS id, make_timestamptz(1) AS "time", ${sql} AS x) TO '${path}' (FORMAT parquet)`,
  );
  connection.closeSync();
  instance.closeSync();
  const shape = { length: 1, nullCount: 0 };
  const x =
    type instanceof DateDay
      ? new Vector([makeData({ type, ...shape, data: Int32Array.of(Number(micros / day)) })])
      : new Vector([makeData({ type, ...shape, data: BigInt64Array.of(micros) })]);
  const base = arrowTable({ id: ["string", ["a"]], time: ["timestamp", [1]] });
  const memory = fromTable("rows", base.assign(new Table({ x })), { timezone: "UTC" });
  return { memory, file: { ...memory, localFiles: async () => [path] } };
}

const thing = entity({ name: "thing", key: { id: "string" } });
const place = { name: "v", entities: [thing], ttl: "forever" } as const;
const id = column("id", "string");
const views = {
  beside: (source: TableSource) => featureView({ ...place, source, eventTime: "time", features: { id } }),
  event: (source: TableSource) => featureView({ ...place, source, eventTime: "x", features: { id } }),
  plain: (source: TableSource) =>
    featureView({ ...place, source, eventTime: "time", features: { id, x: column("x", "timestamp") } }),
  window: (source: TableSource) =>
    featureView({ ...place, source, eventTime: "time", features: { id, x: window("1d", last("x", "timestamp")) } }),
};

describe.each(Object.keys(far) as (keyof typeof far)[])("%s", (name) => {
  it("stands beside the labels as it is, in both engines", async () => {
    const { file, memory } = await rowsWith(name);
    const view = views.beside(memory);
    const digests = new Set<string>();
    for (const offline of [arrow(), duckdb()]) {
      await using store = createFeatureStore({ views: [view], offline });
      for (const labels of [file, memory]) {
        const set = await store.trainingSet({ labels, features: ["v:id"], timezone: "UTC" });
        expect(set.row(0)).toEqual({ "v:id": "a" });
        const data = ((await set.table()).getChild("x") as Vector).data[0] as Data;
        const stored = BigInt((data.values as BigInt64Array)[0] ?? 0n);
        expect(stored * (data.type instanceof DateDay ? day : 1n)).toBe(far[name][2]);
        digests.add(set.digest);
      }
    }
    expect(digests.size).toBe(1);
  });

  it("is no time of an event or a feature, in either engine", async () => {
    const { file, memory } = await rowsWith(name);
    const labels = arrowTable({ id: ["string", ["a"]], time: ["timestamp", [1]] });
    const refusal = { code: "TIMESTAMP_INVALID", details: { column: "x", row: 0 } };
    for (const offline of [arrow(), duckdb()]) {
      for (const source of [file, memory]) {
        for (const viewOf of [views.event, views.plain, views.window]) {
          await using store = createFeatureStore({ views: [viewOf(source)], offline });
          await expect(store.trainingSet({ labels, features: ["v:*"] })).rejects.toMatchObject(refusal);
        }
      }
      await using store = createFeatureStore({ views: [views.beside(memory)], offline });
      const asked = store.trainingSet({ labels: file, time: "x", features: ["v:id"], timezone: "UTC" });
      await expect(asked).rejects.toMatchObject(refusal);
    }
  });
});
