import { tableFromIPC, tableToIPC } from "apache-arrow";
import { expect, it } from "vitest";
import { column } from "../define/column.ts";
import type { Duration } from "../define/duration.ts";
import { entity } from "../define/entity.ts";
import { featureView } from "../define/feature-view.ts";
import { count, sum, window } from "../define/window.ts";
import type { OfflineEngine } from "../offline/port.ts";
import { fromBatches, fromTable } from "../source/table-source.ts";
import { createFeatureStore } from "../store.ts";
import type { TrainingSetOptions } from "../training/training-set.ts";
import { arrowTable } from "./tables.ts";

type Source = readonly (readonly [
  key: string | null,
  event: number | null,
  value: number | null,
  known?: number | null,
])[];

const thing = entity({ name: "thing", key: { id: "string" } });
const second = 1_000_000;

/** The traps of point-in-time joins that stores in use have fallen into, one test each. */
export function trapTable(create: () => OfflineEngine | Promise<OfflineEngine>): void {
  interface Asked {
    readonly rows: Source;
    readonly labels: readonly (readonly [key: string | null, time: number | null])[];
    readonly ttl?: Duration | "forever";
    readonly known?: boolean;
    readonly options?: Partial<TrainingSetOptions<never>>;
  }

  async function join({ rows, labels, ttl = "forever", known = false, options = {} }: Asked): Promise<unknown[]> {
    const source = arrowTable({
      id: ["string", rows.map((row) => row[0])],
      event: ["timestamp", rows.map((row) => row[1])],
      value: ["int64", rows.map((row) => (row[2] === null ? null : BigInt(row[2])))],
      known: ["timestamp", rows.map((row) => row[3] ?? null)],
    });
    const view = featureView({
      name: "v",
      entities: [thing],
      source: fromTable("source", source),
      eventTime: "event",
      ...(known ? { knownAt: "known" } : {}),
      ttl,
      features: { last: column("value") },
    });
    const store = createFeatureStore({ views: [view], offline: await create() });
    const set = await store.trainingSet({
      labels: arrowTable({
        id: ["string", labels.map((row) => row[0])],
        at: ["timestamp", labels.map((row) => row[1])],
      }),
      time: "at",
      features: ["v:last"],
      ...options,
    });
    const table = await set.table();
    return Array.from(table.getChild("v:last") ?? []);
  }

  it("sees an event at the label's own time, unless strict", async () => {
    const rows: Source = [["a", 5 * second, 1]];
    expect(await join({ rows, labels: [["a", 5 * second]] })).toEqual([1]);
    expect(await join({ rows, labels: [["a", 5 * second]], options: { strict: true } })).toEqual([null]);
  });

  it("keeps a value for the whole ttl, to the microsecond, and for ttls below a second", async () => {
    const rows: Source = [["a", 0, 1]];
    const labels = [
      ["a", 500_000],
      ["a", 500_001],
    ] as const;
    expect(await join({ rows, labels, ttl: "500ms" })).toEqual([1, null]);
  });

  it("gives a row for every label, in order, duplicates and unmatched ones too", async () => {
    const rows: Source = [["a", 5 * second, 1]];
    const labels = [
      ["a", 9 * second],
      ["b", 9 * second],
      ["a", second],
      ["a", 9 * second],
      [null, 9 * second],
    ] as const;
    expect(await join({ rows, labels, ttl: "5s" })).toEqual([1, null, null, 1, null]);
  });

  it("settles ties by known time, then by order of ingestion, for a thousand keys", async () => {
    const keys = Array.from({ length: 1200 }, (_, i) => `k${i}`);
    const rows = keys.flatMap(
      (id) =>
        [
          [id, 0, 1, 20],
          [id, 0, 2, 30],
          [id, 0, 3, 30],
          [id, 0, 4, 10],
        ] as const,
    );
    const labels = keys.map((id) => [id, 100] as const);
    expect(new Set(await join({ rows, labels, known: true }))).toEqual(new Set([3]));
    expect(new Set(await join({ rows, labels }))).toEqual(new Set([4]));
  });

  it("does not see what became known later; the older version wins over nothing", async () => {
    const rows: Source = [
      ["a", second, 1, second],
      ["a", second, 2, 9 * second],
      ["a", 2 * second, 3, 9 * second],
    ];
    expect(
      await join({
        rows,
        labels: [
          ["a", 5 * second],
          ["a", 9 * second],
        ],
        known: true,
      }),
    ).toEqual([1, 3]);
    const leaky = join({ rows, labels: [["a", 5 * second]], known: true, options: { knownAt: false } });
    expect(await leaky).toEqual([3]);
  });

  it("does not see a fact before it happens, however early it was known", async () => {
    const rows: Source = [
      ["a", 8 * second, 2, second],
      ["a", 2 * second, 1, 3 * second],
    ];
    expect(
      await join({
        rows,
        labels: [
          ["a", 5 * second],
          ["a", 8 * second],
        ],
        known: true,
      }),
    ).toEqual([1, 2]);
  });

  it("never matches a null key, a null event time or a null known time", async () => {
    const rows: Source = [
      [null, 0, 666, 0],
      ["a", null, 3, 0],
      ["a", 0, 4, null],
    ];
    expect(
      await join({
        rows,
        labels: [
          [null, second],
          ["a", second],
        ],
        known: true,
      }),
    ).toEqual([null, null]);
  });

  it("gives the null of the latest row, not an older value", async () => {
    const rows: Source = [
      ["a", 0, 1],
      ["a", second, null],
    ];
    expect(await join({ rows, labels: [["a", second]] })).toEqual([null]);
  });

  it("names the label that has no time", async () => {
    const asked = join({
      rows: [["a", 0, 1]],
      labels: [
        ["a", 1],
        ["a", null],
      ],
    });
    await expect(asked).rejects.toMatchObject({ code: "LABEL_TIME_NULL", details: { row: 1 } });
  });

  it("refuses timestamps without a zone until one is stated", async () => {
    const offline = await create();
    const make = (timezone?: "UTC"): Promise<unknown> => {
      const source = arrowTable({ id: ["string", ["a"]], event: ["naive", [0]], value: ["float64", [1]] });
      const view = featureView({
        name: "v",
        entities: [thing],
        source: fromTable("source", source, timezone === undefined ? {} : { timezone }),
        eventTime: "event",
        ttl: "forever",
        features: { last: column("value") },
      });
      const labels = arrowTable({ id: ["string", ["a"]], at: ["naive", [0]] });
      return createFeatureStore({ views: [view], offline })
        .trainingSet({ labels, time: "at", features: ["v:*"], timezone: "UTC" })
        .then((set) => set.row(0));
    };
    await expect(make()).rejects.toMatchObject({ code: "TIMESTAMP_NAIVE", details: { table: "source" } });
    expect(await make("UTC")).toEqual({ "v:last": 1 });
  });

  it("keeps 64-bit keys and values beyond 2^53 apart, and meets narrower integers", async () => {
    const big = 9007199254740993n;
    const source = arrowTable({
      id: ["int64", [big, big - 1n, 7n]],
      event: ["timestamp", [0, 0, 0]],
      value: ["int64", [big, big - 1n, 3n]],
    });
    const number = entity({ name: "number", key: { id: "int64" } });
    const view = featureView({
      name: "v",
      entities: [number],
      source: fromTable("source", source),
      eventTime: "event",
      ttl: "forever",
      features: { last: column("value", "int64"), sum: window("1d", sum("value", "int64")) },
    });
    const store = createFeatureStore({ views: [view], offline: await create() });
    const wide = arrowTable({ id: ["int64", [big, big - 1n]], at: ["timestamp", [1, 1]] });
    const set = await store.trainingSet({ labels: wide, time: "at", features: ["v:*"] });
    expect([set.row(0), set.row(1)]).toEqual([
      { "v:last": big, "v:sum": big },
      { "v:last": big - 1n, "v:sum": big - 1n },
    ]);
    const narrow = arrowTable({ id: ["int32", [7]], at: ["timestamp", [1]] });
    const met = await store.trainingSet({ labels: narrow, time: "at", features: ["v:*"] });
    expect(met.row(0)).toEqual({ "v:last": 3n, "v:sum": 3n });
  });

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
    expect(set.row(0)).toEqual({ "v:last": null, "v:count": 0, "v:sum": null });
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
