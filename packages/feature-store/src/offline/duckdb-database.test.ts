import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { column, createFeatureStore, entity, featureView, fromTable } from "../index.ts";
import { arrowTable } from "../testing/tables.ts";
import { duckdb } from "./duckdb.ts";

const rows = arrowTable({ id: ["string", ["a", "b"]], at: ["timestamp", [0, 1]], value: ["int64", [1n, 2n]] });
const view = featureView({
  name: "v",
  entities: [entity({ name: "thing", key: { id: "string" } })],
  source: fromTable("rows", rows),
  eventTime: "at",
  ttl: "forever",
  features: { last: column("value", "int64") },
});

async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-database-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

it("leaves nothing on disk where it keeps nothing, and what it keeps until it is disposed", async () => {
  const folder = await scratch();
  for (const keepBytes of [0, undefined]) {
    const offline = duckdb({ temporaryDirectory: folder, ...(keepBytes === undefined ? {} : { keepBytes }) });
    const store = createFeatureStore({ views: [view], offline });
    for (let join = 0; join < 2; join++) {
      const set = await store.trainingSet({ labels: rows, time: "at", features: ["v:*"] });
      expect(set.row(1)).toEqual({ "v:last": 2n });
    }
    expect(await readdir(folder)).toHaveLength(keepBytes === 0 ? 0 : 1);
    await offline[Symbol.asyncDispose]();
    expect(await readdir(folder)).toEqual([]);
  }
});

it("leaves nothing on disk after labels it refused, or that were not read to the end", async () => {
  const folder = await scratch();
  const offline = duckdb({ temporaryDirectory: folder, keepBytes: 0 });
  const store = createFeatureStore({ views: [view], offline });
  const naive = arrowTable({ id: ["string", ["a"]], at: ["naive", [0]] });
  await expect(store.trainingSet({ labels: naive, time: "at", features: ["v:*"] })).rejects.toMatchObject({
    code: "TIMESTAMP_NAIVE",
  });
  for await (const part of offline.labels(fromTable("labels", rows), { time: "at", rowsPerPart: 1 })) {
    expect(part.rows).toBe(1);
    break;
  }
  expect(await readdir(folder)).toEqual([]);
});
