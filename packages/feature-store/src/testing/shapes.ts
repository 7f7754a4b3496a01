import { tableFromIPC, tableToIPC } from "apache-arrow";
import { expect, it } from "vitest";
import { column } from "../define/column.ts";
import { entity } from "../define/entity.ts";
import { featureView } from "../define/feature-view.ts";
import { count, last, sum, window } from "../define/window.ts";
import type { OfflineEngine } from "../offline/port.ts";
import { fromBatches, fromTable } from "../source/table-source.ts";
import { createFeatureStore } from "../store.ts";
import { arrowTable } from "./tables.ts";
import { lastValues, thing } from "./trap.ts";

/** What goes in with no rows at all, and what comes out as Arrow. */
export function describeShapes(create: () => OfflineEngine | Promise<OfflineEngine>): void {
  it("joins nothing of a source without rows", async () => {
    const view = featureView({
      name: "v",
      entities: [thing],
      source: fromBatches("empty", []),
      eventTime: "event",
      knownAt: "known",
      ttl: "1d",
      features: { last: column("value", "string"), count: window("1d", count()), sum: window("1d", sum("value")) },
    });
    const store = createFeatureStore({ views: [view], offline: await create() });
    const labels = arrowTable({ id: ["string", ["a"]], at: ["timestamp", [1]] });
    const set = await store.trainingSet({ labels, time: "at", features: ["v:*"] });
    expect(set.row(0)).toEqual({ "v:last": null, "v:count": null, "v:sum": null });
  });

  it("takes columns of any name, told apart by case", async () => {
    const source = arrowTable({
      code: ["string", ["a", "b"]],
      k0: ["int64", [1n, 2n]],
      "#": ["timestamp", [0, 0]],
      "#code": ["int64", [3n, 4n]],
      enter: ["float64", [0.5, null]],
      ENTER: ["string", ['"', "'"]],
      file_row_number: ["int64", [5n, 6n]],
    });
    const view = featureView({
      name: "v",
      entities: [entity({ name: "coded", key: { code: "string", k0: "int64" } })],
      source: fromTable("source", source),
      eventTime: "#",
      ttl: "forever",
      features: {
        number: column("#code", "int64"),
        lower: column("enter"),
        upper: column("ENTER", "string"),
        last: window("1d", last("ENTER", "string")),
        sum: window("1d", sum("file_row_number", "int64")),
      },
    });
    const store = createFeatureStore({ views: [view], offline: await create() });
    const set = await store.trainingSet({ labels: source, time: "#", features: ["v:*"] });
    expect([set.row(0), set.row(1)]).toEqual([
      { "v:number": 3n, "v:lower": 0.5, "v:upper": '"', "v:last": '"', "v:sum": 5n },
      { "v:number": 4n, "v:lower": null, "v:upper": "'", "v:last": "'", "v:sum": 6n },
    ]);
  });

  it("orders the rows of many keys over all the centuries there are", async () => {
    const most = Number.MAX_SAFE_INTEGER;
    const rows = Array.from({ length: 700 }, (_, i) => `k${i}`).flatMap(
      (id) =>
        [
          [id, most - 1, 3],
          [id, -most, 1],
          [id, -most + 1, 2],
        ] as const,
    );
    const labels = rows.flatMap(([id]) => [[id, -most] as const, [id, most - 2] as const, [id, most] as const]);
    const found = await lastValues(await create(), { rows, labels });
    expect(found).toEqual(rows.flatMap(() => [1, 2, 3]));
  });

  it("looks at the types of each view of a source that several share", async () => {
    const source = fromTable(
      "source",
      arrowTable({ id: ["string", ["a"]], at: ["timestamp", [1]], n: ["int64", [1n]] }),
    );
    const base = { entities: [thing], source, ttl: "forever", features: { last: column("n", "int64") } } as const;
    const byTime = featureView({ ...base, name: "by_time", eventTime: "at" });
    const byNumber = featureView({ ...base, name: "by_number", eventTime: "n" });
    const store = createFeatureStore({ views: [byTime, byNumber], offline: await create() });
    const features = ["by_time:last", "by_number:last"] as const;
    const asked = store.trainingSet({ labels: source, time: "at", features });
    await expect(asked).rejects.toMatchObject({ code: "COLUMN_TYPE_MISMATCH", details: { column: "n" } });
  });

  it("comes out as Arrow that other readers read", async () => {
    const source = arrowTable({
      id: ["string", ["a", "b"]],
      event: ["timestamp", [0, 0]],
      value: ["string", ["x", "y"]],
    });
    const view = featureView({
      name: "v",
      entities: [thing],
      source: fromTable("source", source),
      eventTime: "event",
      ttl: "forever",
      features: { last: column("value", "string") },
    });
    const labels = arrowTable({
      id: ["string", ["b", null, "a"]],
      at: ["timestamp", [1, 1, 1]],
      n: ["int32", [1, 2, 3]],
    });
    const store = createFeatureStore({ views: [view], offline: await create() });
    const table = await (await store.trainingSet({ labels, time: "at", features: ["v:last"] })).table();
    const read = tableFromIPC(tableToIPC(table));
    expect(read.schema.names).toEqual(["id", "at", "n", "v:last"]);
    expect(read.toArray().map((row) => [row?.["id"], row?.["n"], row?.["v:last"]])).toEqual([
      ["b", 1, "y"],
      [null, 2, null],
      ["a", 3, "x"],
    ]);
  });
}
