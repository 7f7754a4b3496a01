import { tableFromIPC } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { column, createFeatureStore, entity, featureView, fromTable, onDemand, type TrainingSet } from "../index.ts";
import { arrowTable } from "../testing/tables.ts";

const second = 1_000_000;
const thing = entity({ name: "thing", key: { id: "string" } });
const calendar = onDemand({
  name: "calendar",
  input: { at: "timestamp" },
  output: { second: "int32" },
  compute: ({ at }) => ({ second: Number(at / 1_000_000n) }),
});

function viewOf(values: readonly string[], ttl: "1h" | "1d" = "1h"): ReturnType<typeof define> {
  return define(values, ttl);
}

function define(values: readonly string[], ttl: "1h" | "1d") {
  const table = arrowTable({
    id: ["string", values.map(() => "a")],
    at: ["timestamp", values.map((_, i) => i * second)],
    value: ["string", values],
  });
  const features = { last: column("value", "string") };
  return featureView({
    name: "v",
    entities: [thing],
    source: fromTable("rows", table),
    eventTime: "at",
    ttl,
    features,
  });
}

const labels = arrowTable({ id: ["string", ["a", "b"]], time: ["timestamp", [5 * second, 5 * second]] });

async function make(values: readonly string[]): Promise<TrainingSet> {
  const store = createFeatureStore({ views: [viewOf(values), calendar] });
  return store.trainingSet({ labels, features: ["v:last", "calendar:second"], lookBack: "4s" });
}

describe("a manifest", () => {
  it("is made again from the same things, through JSON", async () => {
    const { manifest } = await make(["x", "y"]);
    const kept = JSON.parse(JSON.stringify(manifest)) as typeof manifest;
    const again = await createFeatureStore({ views: [viewOf(["x", "y"]), calendar] }).replay(kept, { labels });
    expect(again.digest).toBe(manifest.digest);
    expect(again.row(0)).toEqual({ "v:last": "y", "calendar:second": 5 });
  });

  it("names what changed since", async () => {
    const { manifest } = await make(["x", "y"]);
    const replay = (values: readonly string[], ttl: "1h" | "1d", table = labels): Promise<unknown> =>
      createFeatureStore({ views: [viewOf(values, ttl), calendar] }).replay(manifest, { labels: table });
    const changed = (what: string): object => ({
      code: "REPLAY_MISMATCH",
      message: expect.stringContaining(what) as string,
    });
    await expect(replay(["x", "z"], "1h")).rejects.toMatchObject(changed('the source "rows" is'));
    await expect(replay(["x", "y"], "1d")).rejects.toMatchObject(changed('the view "v" is'));
    await expect(replay(["x", "y"], "1h", labels.slice(0, 1))).rejects.toMatchObject(changed("there are 1 labels"));
    const other = createFeatureStore({ views: [calendar] }).replay(manifest, { labels });
    await expect(other).rejects.toMatchObject(changed('the view "v" is not there'));
    // Rows that changed and do not matter are no change.
    await expect(replay(["w", "y"], "1h")).resolves.toMatchObject({ digest: manifest.digest });
  });
});

it("looks back no further than it is told", async () => {
  const store = createFeatureStore({ views: [viewOf(["x"])] });
  const look = (lookBack: "4s" | "5s"): Promise<unknown> =>
    store.trainingSet({ labels, features: ["v:last"], lookBack }).then((set) => set.row(0));
  expect([await look("4s"), await look("5s")]).toEqual([{ "v:last": null }, { "v:last": "x" }]);
});

it("streams as Arrow, batch by batch", async () => {
  const ids = Array.from({ length: 150_000 }, (_, i) => (i % 3 === 0 ? "a" : "b"));
  const many = arrowTable({ id: ["string", ids], time: ["timestamp", ids.map((_, i) => i)] });
  const set = await createFeatureStore({ views: [viewOf(["x"])] }).trainingSet({ labels: many, features: ["v:last"] });
  const read = await tableFromIPC(set.stream());
  expect(read.batches.map((batch) => batch.numRows)).toEqual([65_536, 65_536, 18_928]);
  expect([0, 1, 149_999].map((i) => read.getChild("v:last")?.get(i) as unknown)).toEqual(["x", null, null]);
});
