import { deepStrictEqual, rejects, throws } from "node:assert";
import { column } from "../define/column.ts";
import { featureView } from "../define/feature-view.ts";
import { lastNonNull } from "../define/window.ts";
import type { OfflineEngine } from "../offline/port.ts";
import { fromTable } from "../source/table-source.ts";
import { createFeatureStore } from "../store.ts";
import { arrowTable } from "./tables.ts";
import { lastValues, second, thing, type Trap, trapLabels, type TrapRows, trapSource } from "./trap.ts";

const hour = 3600 * second;

/** Traps of time: its ends, its ties to what was known, its zones and its nulls. */
export const timeTraps: readonly Trap[] = [
  {
    id: "T1",
    title: "an event at the label's own time is seen, unless strict",
    async run(engine) {
      const rows: TrapRows = [["a", 5 * second, 1]];
      const labels = [["a", 5 * second]] as const;
      deepStrictEqual(await lastValues(engine, { rows, labels }), [1]);
      deepStrictEqual(await lastValues(engine, { rows, labels, options: { strict: true } }), [null]);
    },
  },
  {
    id: "T2",
    title: "a value lasts for the whole ttl, to the microsecond, and for ttls below a second",
    async run(engine) {
      const labels = [
        ["a", 500_000],
        ["a", 500_001],
      ] as const;
      deepStrictEqual(await lastValues(engine, { rows: [["a", 0, 1]], labels, ttl: "500ms" }), [1, null]);
    },
  },
  {
    id: "T3",
    title: "a ttl of nothing is refused; for ever is said",
    async run(engine) {
      const define = (ttl: string): unknown =>
        featureView({
          name: "v",
          entities: [thing],
          source: fromTable("source", trapSource([])),
          eventTime: "event",
          ttl: ttl as "1d",
          features: { last: column("value") },
        });
      for (const ttl of ["0s", "0", ""]) throws(() => define(ttl), { code: "DURATION_INVALID" });
      const labels = [["a", 100 * 365 * 24 * hour]] as const;
      deepStrictEqual(await lastValues(engine, { rows: [["a", 0, 1]], labels, ttl: "forever" }), [1]);
    },
  },
  {
    id: "T10",
    title: "what became known later is not seen, nor a fact before it happens, however early it was known",
    async run(engine) {
      const rows: TrapRows = [
        ["a", second, 1, second],
        ["a", 2 * second, 3, 9 * second],
      ];
      const labels = [
        ["a", 5 * second],
        ["a", 9 * second],
      ] as const;
      deepStrictEqual(await lastValues(engine, { rows, labels, known: true }), [1, 3]);
      deepStrictEqual(await lastValues(engine, { rows, labels, known: true, options: { knownAt: false } }), [3, 3]);
      const foretold: TrapRows = [
        ["a", 8 * second, 2, second],
        ["a", 2 * second, 1, 3 * second],
      ];
      deepStrictEqual(await lastValues(engine, { rows: foretold, labels, known: true }), [1, 2]);
    },
  },
  {
    id: "T11",
    title: "the older version that was known wins over nothing",
    async run(engine) {
      const rows: TrapRows = [
        ["a", second, 1, second],
        ["a", second, 2, 9 * second],
      ];
      deepStrictEqual(await lastValues(engine, { rows, labels: [["a", 5 * second]], known: true }), [1]);
    },
  },
  {
    id: "T12",
    title: "timestamps without a zone are refused until one is stated",
    async run(engine) {
      await rejects(joinNaive(engine, 0, 0), { code: "TIMESTAMP_NAIVE" });
      deepStrictEqual(await joinNaive(engine, 0, 0, "UTC"), 1);
    },
  },
  {
    id: "T12b",
    title: "times with and without a zone compare in UTC, whatever the zone of the process",
    async run(engine) {
      // A session in New York or Tokyo would move either by hours.
      for (const hours of [0, 5, 9, 23]) {
        deepStrictEqual(await joinNaive(engine, hours * hour, hours * hour, "UTC"), 1);
        deepStrictEqual(await joinNaive(engine, hours * hour + 1, hours * hour, "UTC"), null);
      }
    },
  },
  {
    id: "T15",
    title: "a row without an event time, or never known, is not seen",
    async run(engine) {
      const rows: TrapRows = [
        ["a", null, 3, 0],
        ["a", 0, 4, null],
      ];
      deepStrictEqual(await lastValues(engine, { rows, labels: [["a", second]], known: true }), [null]);
    },
  },
  {
    id: "T16",
    title: "the null of the latest row is given, not an older value, unless lastNonNull looks past it so far",
    async run(engine) {
      const rows: TrapRows = [
        ["a", 0, 1],
        ["a", second, null],
      ];
      const labels = [
        ["a", second],
        ["a", 2 * second],
        ["a", 2 * second + 1],
      ] as const;
      deepStrictEqual(await lastValues(engine, { rows, labels }), [null, null, null]);
      const view = featureView({
        name: "v",
        entities: [thing],
        source: fromTable("source", trapSource(rows)),
        eventTime: "event",
        ttl: "1d",
        features: { last: lastNonNull("value", { maxAge: "2s" }) },
      });
      const store = createFeatureStore({ views: [view], offline: engine });
      const set = await store.trainingSet({ labels: trapLabels(labels), time: "at", features: ["v:last"] });
      const found = labels.map((_, i) => set.row(i)["v:last"]);
      deepStrictEqual(found, [1, 1, null]);
    },
  },
  {
    id: "T17",
    title: "a label without a time is named",
    async run(engine) {
      const labels = [
        ["a", 1],
        ["a", null],
      ] as const;
      const asked = lastValues(engine, { rows: [["a", 0, 1]], labels });
      await rejects(asked, { code: "LABEL_TIME_NULL", details: { column: "at", row: 1 } });
    },
  },
];

/** A source without zones asked by labels with one. */
async function joinNaive(
  engine: OfflineEngine,
  event: number,
  label: number,
  timezone?: "UTC",
): Promise<number | null | undefined> {
  const source = arrowTable({ id: ["string", ["a"]], event: ["naive", [event]], value: ["float64", [1]] });
  const view = featureView({
    name: "v",
    entities: [thing],
    source: fromTable("source", source, timezone === undefined ? {} : { timezone }),
    eventTime: "event",
    ttl: "forever",
    features: { last: column("value") },
  });
  const store = createFeatureStore({ views: [view], offline: engine });
  const set = await store.trainingSet({ labels: trapLabels([["a", label]]), time: "at", features: ["v:last"] });
  return set.row(0)["v:last"];
}
