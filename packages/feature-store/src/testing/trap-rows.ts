import { deepStrictEqual, ok, rejects, throws } from "node:assert";
import { column } from "../define/column.ts";
import { entity } from "../define/entity.ts";
import { featureView } from "../define/feature-view.ts";
import { sum, window } from "../define/window.ts";
import { fromTable } from "../source/table-source.ts";
import { createFeatureStore } from "../store.ts";
import { arrowTable } from "./tables.ts";
import { lastValues, second, thing, type Trap, trapLabels, type TrapRows, trapSource } from "./trap.ts";
import { missingKeyOnline } from "./trap-online.ts";

/** Traps of rows: lost ones, ties, keys, names and size. */
export const rowTraps: readonly Trap[] = [
  {
    id: "T4",
    title: "a label that only future or expired rows match keeps its row",
    async run(engine) {
      const rows: TrapRows = [
        ["a", second, 1],
        ["b", 9 * second, 2],
      ];
      const labels = [
        ["a", 8 * second],
        ["b", 8 * second],
        ["a", 2 * second],
      ] as const;
      deepStrictEqual(await lastValues(engine, { rows, labels, ttl: "5s" }), [null, null, 1]);
    },
  },
  {
    id: "T5",
    title: "labels of one key and time all stay, in order",
    async run(engine) {
      const labels = [
        ["a", 9 * second],
        ["b", 9 * second],
        ["a", second],
        ["a", 9 * second],
      ] as const;
      deepStrictEqual(await lastValues(engine, { rows: [["a", 5 * second, 1]], labels }), [1, null, null, 1]);
    },
  },
  {
    id: "T6",
    title: 'the keys ("1", "11") and ("11", "1") are two',
    async run(engine) {
      const pair = entity({ name: "pair", key: { a: "string", b: "string" } });
      const table = arrowTable({
        a: ["string", ["1", "11"]],
        b: ["string", ["11", "1"]],
        at: ["timestamp", [0, 0]],
        value: ["float64", [100, 200]],
      });
      const view = featureView({
        name: "v",
        entities: [pair],
        source: fromTable("source", table),
        eventTime: "at",
        ttl: "forever",
        features: { last: column("value") },
      });
      const set = await createFeatureStore({ views: [view], offline: engine }).trainingSet({
        labels: table,
        time: "at",
        features: ["v:last"],
      });
      deepStrictEqual([set.row(0), set.row(1)], [{ "v:last": 100 }, { "v:last": 200 }]);
    },
  },
  {
    id: "T7",
    title: "ties go to what was known last, then to what was ingested last, for 1,200 keys",
    async run(engine) {
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
      deepStrictEqual(new Set(await lastValues(engine, { rows, labels, known: true })), new Set([3]));
      deepStrictEqual(new Set(await lastValues(engine, { rows, labels })), new Set([4]));
    },
  },
  {
    id: "T8",
    title: "ties that nothing but ingestion settles are refused on demand",
    async run(engine) {
      const rows: TrapRows = [
        ["a", 0, 1, 10],
        ["a", 0, 2, 20],
      ];
      const labels = [["a", 30]] as const;
      deepStrictEqual(await lastValues(engine, { rows, labels }), [2]);
      const options = { onTie: "error" } as const;
      await rejects(lastValues(engine, { rows, labels, options }), { code: "TIE_FOUND" });
      deepStrictEqual(await lastValues(engine, { rows, labels, options, known: true }), [2]);
      const untold: TrapRows = [
        ["a", 0, 1],
        ["a", 0, 2],
      ];
      await rejects(lastValues(engine, { rows: untold, labels, options, known: true }), { code: "TIE_FOUND" });
    },
  },
  {
    id: "T9",
    title: "thousands of ties on few keys come out the same every time",
    async run(engine) {
      const rows = Array.from({ length: 6000 }, (_, i) => [`k${i % 3}`, (i % 5) * second, i] as const);
      const labels = [0, 1, 2].map((key) => [`k${key}`, 9 * second] as const);
      // Of each key, the last ingested of those at the fourth second: i = 4 (mod 5).
      const wanted = [0, 1, 2].map((key) => rows.findLast(([id, at]) => id === `k${key}` && at === 4 * second)?.[2]);
      for (const _ of [1, 2]) deepStrictEqual(await lastValues(engine, { rows, labels }), wanted);
    },
  },
  {
    id: "T13",
    title: "a null key matches nothing, not even a null, and online says so",
    async run(engine) {
      const rows: TrapRows = [[null, 0, 666]];
      deepStrictEqual(await lastValues(engine, { rows, labels: [[null, second]] }), [null]);
      await missingKeyOnline(engine);
    },
  },
  {
    id: "T18",
    title: "two views may share a feature's name, and not their own",
    async run(engine) {
      const source = fromTable("source", trapSource([["a", 0, 1]]));
      const base = { entities: [thing], source, eventTime: "event", ttl: "1d" } as const;
      const left = featureView({ ...base, name: "left", features: { value: column("value") } });
      const right = featureView({ ...base, name: "right", features: { value: window("1d", sum("value")) } });
      const store = createFeatureStore({ views: [left, right], offline: engine });
      const labels = trapLabels([["a", second]]);
      const set = await store.trainingSet({ labels, time: "at", features: ["left:value", "right:value"] });
      deepStrictEqual(set.row(0), { "left:value": 1, "right:value": 1 });
      // @ts-expect-error -- "left:value" would mean two features
      throws(() => createFeatureStore({ views: [left, { ...right, name: "left" } as const] }), {
        code: "VIEW_NAME_COLLISION",
      });
      const taken = arrowTable({ id: ["string", ["a"]], at: ["timestamp", [1]], "left:value": ["int32", [1]] });
      const asked = store.trainingSet({ labels: taken, time: "at", features: ["left:*"] });
      await rejects(asked, { code: "DEFINITION_INVALID" });
    },
  },
  {
    id: "T23",
    title: "a hot key does not fan out: memory follows the rows, not the pairs",
    async run(engine) {
      const size = 60_000;
      const rows = Array.from({ length: size }, (_, i) => ["hot", i, i] as const);
      const before = process.resourceUsage().maxRSS;
      const found = await lastValues(engine, { rows, labels: rows.map(([id, at]) => [id, at] as const) });
      ok(found.every((value, i) => value === i));
      const grown = (process.resourceUsage().maxRSS - before) / 1024;
      // The 1.8 billion pairs would take tens of gigabytes.
      ok(grown < 600, `the join took ${grown} MB`);
    },
  },
  {
    id: "T24",
    title: "keys and values beyond 2^53 stay apart",
    async run(engine) {
      const big = 9007199254740993n;
      deepStrictEqual(await numbered(engine, "int64", [big, big - 1n], [big, big - 1n, 7n]), [
        { "v:last": big, "v:sum": big },
        { "v:last": big - 1n, "v:sum": big - 1n },
      ]);
    },
  },
  {
    id: "T25",
    title: "integers of one width meet those of another",
    async run(engine) {
      deepStrictEqual(await numbered(engine, "int32", [7], [7n, 8n]), [{ "v:last": 7n, "v:sum": 7n }]);
      deepStrictEqual(await numbered(engine, "int32", [7], [9007199254740993n, 7n]), [{ "v:last": 7n, "v:sum": 7n }]);
    },
  },
];

async function numbered(
  engine: Parameters<Trap["run"]>[0],
  width: "int32" | "int64",
  asked: readonly (bigint | number)[],
  ids: readonly bigint[],
): Promise<unknown[]> {
  const view = featureView({
    name: "v",
    entities: [entity({ name: "number", key: { id: "int64" } })],
    source: fromTable(
      "source",
      arrowTable({ id: ["int64", ids], event: ["timestamp", ids.map(() => 0)], value: ["int64", ids] }),
    ),
    eventTime: "event",
    ttl: "forever",
    features: { last: column("value", "int64"), sum: window("1d", sum("value", "int64")) },
  });
  const labels = arrowTable({ id: [width, asked], at: ["timestamp", asked.map(() => 1)] });
  const store = createFeatureStore({ views: [view], offline: engine });
  const set = await store.trainingSet({ labels, time: "at", features: ["v:*"] });
  return asked.map((_, i) => set.row(i));
}
