import { deepStrictEqual } from "node:assert";
import { column } from "../define/column.ts";
import { featureView } from "../define/feature-view.ts";
import { count, sum, window } from "../define/window.ts";
import type { OfflineEngine } from "../offline/port.ts";
import { memory } from "../online/memory.ts";
import type { OnlineStore } from "../online/port.ts";
import { fromTable } from "../source/table-source.ts";
import { createFeatureStore } from "../store.ts";
import { second, thing, type Trap, trapLabels, type TrapRows, trapSource } from "./trap.ts";

/** A trap that an online store, too, could fall into; by default the one in memory, which must be empty. */
export interface OnlineTrap extends Trap {
  run(engine: OfflineEngine, online?: OnlineStore): Promise<void>;
}

/** Traps between history and the online store, which an engine's timeline feeds. */
export const onlineTraps: readonly OnlineTrap[] = [
  {
    id: "T14",
    title:
      "an unknown key has nulls, its counts too, and is not found online; a known one with an empty window counts 0",
    run: unknownKey,
  },
  {
    id: "T19",
    title: "steps of materialisation neither miss nor repeat a row at their seams",
    async run(engine, online = memory()) {
      // A row at each end of each step, one of them known only at the next seam.
      const rows: TrapRows = [
        ["a", second, 1, second],
        ["a", 2 * second, 10, 2 * second],
        ["a", 2 * second, 100, 3 * second],
        ["a", 3 * second, 1000, 3 * second],
      ];
      const { store, view } = storeOf(engine, rows, online);
      for (const until of [1, 2, 3]) {
        await store.materialize(view, { until: until * 1000 });
        const labels = trapLabels([["a", until * second]]);
        const set = await store.trainingSet({ labels, time: "at", features: ["v:*"] });
        const [read] = await store.read({ entities: [{ id: "a" }], features: ["v:*"], at: until * 1000 });
        const online = Object.fromEntries(Object.entries(read ?? {}).map(([name, { value }]) => [name, value]));
        deepStrictEqual(online, set.row(0));
      }
      const [end] = await store.read({ entities: [{ id: "a" }], features: ["v:sum", "v:count"], at: 3000 });
      deepStrictEqual([end?.["v:sum"].value, end?.["v:count"].value], [1111, 4]);
    },
  },
  {
    id: "T20",
    title: "an older vector does not replace a newer one, and a correction of equal event time does",
    async run(engine, online = memory()) {
      const rows: TrapRows = [
        ["a", second, 1, second],
        ["a", second, 2, 5 * second],
      ];
      const { store, view } = storeOf(engine, rows, online);
      await store.materialize(view, { until: 4000 });
      deepStrictEqual(await lastOnline(store, "a", 4000), { status: "PRESENT", value: 1, ageMs: 3000 });
      await store.materialize(view, { until: 6000 });
      deepStrictEqual(await lastOnline(store, "a", 6000), { status: "PRESENT", value: 2, ageMs: 5000 });
      // A second writer that starts over goes through the older state again.
      await (await store.materializer(view, { from: 0 })).advance(4000);
      deepStrictEqual(await lastOnline(store, "a", 6000), { status: "PRESENT", value: 2, ageMs: 5000 });
    },
  },
  {
    id: "T21",
    title: "an expired value is not given online",
    async run(engine, online = memory()) {
      const { store, view } = storeOf(engine, [["a", second, 1, second]], online);
      await store.materialize(view, { until: 2000 });
      deepStrictEqual(await lastOnline(store, "a", 61_000), { status: "PRESENT", value: 1, ageMs: 60_000 });
      deepStrictEqual(await lastOnline(store, "a", 61_001), { status: "EXPIRED", value: null, ageMs: 60_001 });
    },
  },
  {
    id: "T22",
    title: "an entity that is not there is told from one whose value is null",
    async run(engine, online = memory()) {
      const { store, view } = storeOf(engine, [["a", second, null, second]], online);
      await store.materialize(view, { until: 2000 });
      deepStrictEqual(await lastOnline(store, "a", 2000), { status: "NULL", value: null, ageMs: 1000 });
      deepStrictEqual(await lastOnline(store, "z", 2000), { status: "NOT_FOUND", value: null, ageMs: null });
    },
  },
];

/** The part of T13 that the online store has. */
export async function missingKeyOnline(engine: OfflineEngine, online: OnlineStore = memory()): Promise<void> {
  const rows: TrapRows = [
    ["a", second, 1, second],
    [null, second, 666, second],
  ];
  const { store, view } = storeOf(engine, rows, online);
  await store.materialize(view, { until: 2000 });
  const [read] = await store.read({ entities: [{ id: null }], features: ["v:last"], at: 2000 });
  deepStrictEqual(read?.["v:last"], { status: "MISSING_KEY", value: null, ageMs: null });
}

/** Of each key its status and values, in history and online. */
async function unknownKey(engine: OfflineEngine, online: OnlineStore = memory()): Promise<void> {
  const hour = 3600 * second;
  const rows: TrapRows = [
    ["seen", second, 1, second],
    ["told late", second, 1, 3 * hour],
    ["ahead", 3 * hour, 1, 3 * hour],
  ];
  const { store, view } = storeOf(engine, rows, online);
  await store.materialize(view, { until: (2 * hour) / 1000 });
  const ids = ["seen", "told late", "ahead", "unknown"];
  const labels = trapLabels(ids.map((id) => [id, 2 * hour]));
  const set = await store.trainingSet({ labels, time: "at", features: ["v:count", "v:last"] });
  const read = await store.read({
    entities: ids.map((id) => ({ id })),
    features: ["v:count", "v:last"],
    at: (2 * hour) / 1000,
  });
  const counts = [0, null, null, null];
  deepStrictEqual(
    ids.map((_, i) => set.row(i)["v:count"]),
    counts,
  );
  deepStrictEqual(
    read.map((row) => row["v:count"].value),
    counts,
  );
  // What was last seen of the known key is past its ttl.
  deepStrictEqual(
    ids.map((_, i) => set.row(i)["v:last"]),
    [null, null, null, null],
  );
  deepStrictEqual(
    read.map((row) => row["v:last"].status),
    ["EXPIRED", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND"],
  );
  deepStrictEqual(
    read.map((row) => row["v:count"].status),
    ["PRESENT", "NOT_FOUND", "NOT_FOUND", "NOT_FOUND"],
  );
}

function viewOf(rows: TrapRows) {
  return featureView({
    name: "v",
    entities: [thing],
    source: fromTable("source", trapSource(rows)),
    eventTime: "event",
    knownAt: "known",
    ttl: "1m",
    features: { last: column("value"), sum: window("1h", sum("value")), count: window("1h", count()) },
  });
}

function storeOf(engine: OfflineEngine, rows: TrapRows, online = memory()) {
  const view = viewOf(rows);
  return { view, store: createFeatureStore({ views: [view], offline: engine, online }) };
}

async function lastOnline(store: ReturnType<typeof storeOf>["store"], id: string, at: number): Promise<unknown> {
  const [read] = await store.read({ entities: [{ id }], features: ["v:last"], at });
  return read?.["v:last"];
}
