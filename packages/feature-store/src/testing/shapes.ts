import { tableFromIPC, tableToIPC } from "apache-arrow";
import { expect, it } from "vitest";
import { column } from "../define/column.ts";
import { featureView } from "../define/feature-view.ts";
import { count, sum, window } from "../define/window.ts";
import type { OfflineEngine } from "../offline/port.ts";
import { fromBatches, fromTable } from "../source/table-source.ts";
import { createFeatureStore } from "../store.ts";
import { arrowTable } from "./tables.ts";
import { thing } from "./trap.ts";

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
