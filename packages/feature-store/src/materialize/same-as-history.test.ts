import fc from "fast-check";
import { expect, it } from "vitest";
import { column } from "../define/column.ts";
import { entity } from "../define/entity.ts";
import { featureView } from "../define/feature-view.ts";
import { count, countDistinct, lastNonNull, max, sum, window } from "../define/window.ts";
import { arrow } from "../offline/arrow.ts";
import { duckdb } from "../offline/duckdb.ts";
import { fromTable } from "../source/table-source.ts";
import { createFeatureStore } from "../store.ts";
import { oracle } from "../testing/oracle.ts";
import { arrowTable } from "../testing/tables.ts";

const step = 1_000_000;
const names = ["a", "b", "never"];
const moment = fc.integer({ min: 0, max: 12 }).map((at) => at * step);
const cases = fc.record({
  rows: fc.array(
    fc.record({
      name: fc.constantFrom("a", "b", "other"),
      event: moment,
      known: fc.option(moment, { freq: 8 }),
      value: fc.option(fc.integer({ min: -3, max: 7 }), { freq: 5 }),
      // So that a value is as old as the ttl to the microsecond, and one more.
      shift: fc.constantFrom(0, 1, -1),
    }),
    { minLength: 1, maxLength: 12 },
  ),
  // Shorter than the window, and longer; the third is no whole number of milliseconds.
  ttl: fc.constantFrom(["2s", 2 * step] as const, ["9s", 9 * step] as const, ["1999999us", 2 * step - 1] as const),
  steps: fc.uniqueArray(fc.integer({ min: 0, max: 13 }), { minLength: 1, maxLength: 4 }),
  // Over a timeline of the engine, or by scans.
  isKept: fc.boolean(),
});

const width = 4 * step;

it.each([
  ["arrow", arrow, 150],
  ["duckdb", duckdb, 12],
] as const)(
  "online is what %s has in history, and both what the oracle has",
  async (_, engine, numRuns) => {
    const agree = fc.asyncProperty(cases, async ({ rows, ttl: [ttl, micros], steps, isKept }) => {
      const told = rows.map(({ name, event, known, value, shift }) => ({
        key: [name],
        event: event + step + shift,
        known: known === null ? null : known + step,
        value,
      }));
      const view = featureView({
        name: "v",
        entities: [entity({ name: "thing", key: { id: "string" } })],
        source: fromTable(
          "source",
          arrowTable({
            id: ["string", told.map(({ key }) => key[0] ?? null)],
            event: ["timestamp", told.map(({ event }) => event)],
            known: ["timestamp", told.map(({ known }) => known)],
            value: ["float64", told.map(({ value }) => value)],
          }),
        ),
        eventTime: "event",
        knownAt: "known",
        ttl,
        features: {
          last: column("value"),
          count: window("4s", count()),
          sum: window("4s", sum("value")),
          greatest: window("4s", max("value")),
          distinct: window("4s", countDistinct("value")),
          lastNonNull: lastNonNull("value", { maxAge: ttl }),
          hopping: window("4s", sum("value"), { hop: "3s" }),
        },
      });
      const store = createFeatureStore({ views: [view], offline: engine() });
      const kept = isKept ? await store.materializer(view) : undefined;
      for (const each of steps.toSorted((a, b) => a - b)) {
        const at = each * step;
        await (kept === undefined ? store.materialize(view, { until: at / 1000 }) : kept.advance(at / 1000));
        const wanted = names.map((name) => {
          const label = { key: [name], time: at };
          const all = oracle(told, label, { ttl: micros, width, knownAt: true, strict: false });
          const { last, count: counted, sum: total, greatest, distinct, lastNonNull: past } = all;
          const hops = oracle(told, label, { ttl: micros, width, hop: 3 * step, knownAt: true, strict: false });
          const values = { last, count: counted, sum: total, greatest, distinct, lastNonNull: past, hopping: hops.sum };
          return Object.fromEntries(Object.entries(values).map(([feature, value]) => [`v:${feature}`, value]));
        });
        const labels = arrowTable({ id: ["string", names], at: ["timestamp", names.map(() => at)] });
        const set = await store.trainingSet({ labels, time: "at", features: ["v:*"] });
        expect(names.map((_name, i) => set.row(i))).toEqual(wanted);
        const asked = { entities: names.map((id) => ({ id })), features: ["v:*"], at: at / 1000 } as const;
        const read = await store.read(asked);
        expect(read.map((row) => mapValues(row, ({ value }) => value))).toEqual(wanted);
        // What is not found in any is null in all, and the other way about.
        read.forEach((row, i) => {
          const unseen = wanted[i]?.["v:count"] === null;
          for (const { status } of Object.values(row)) expect(status === "NOT_FOUND").toBe(unseen);
        });
        const columns = await store.readColumns(asked);
        expect(columns.rows()).toEqual(read);
      }
    });
    await expect(fc.assert(agree, { numRuns })).resolves.toBeUndefined();
  },
  120_000,
);

const mapValues = <Each, Made>(row: Readonly<Record<string, Each>>, of: (each: Each) => Made): Record<string, Made> =>
  Object.fromEntries(Object.entries(row).map(([name, each]) => [name, of(each)]));
