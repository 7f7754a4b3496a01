import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { base, hoppingViews, views } from "../../../test/compiled.ts";
import {
  column,
  countDistinct,
  entity,
  featureView,
  first,
  fromBatches,
  last,
  lastNonNull,
  max,
  median,
  min,
  share,
  sum,
  window,
} from "../../index.ts";
import { type OracleLabel, type OracleRow, oracle } from "../../testing/oracle.ts";
import { compileJoin, type CompileJoinOptions } from "./compile.ts";

// Few keys, few moments: nearly everything ties with something.
const part = fc.constantFrom("1", "11", null);
const key = fc.tuple(part, part);
const moment = fc
  .tuple(fc.integer({ min: 0, max: 9 }), fc.constantFrom(0, 0, 0, 0, 1, -1))
  .map(([step, by]) => step * 1_000_000 + by);
const nearly = (of: fc.Arbitrary<number>): fc.Arbitrary<number | null> => fc.option(of, { freq: 8 });
const cases = fc.record({
  rows: fc.array(
    fc.record({ key, event: nearly(moment), known: nearly(moment), value: nearly(fc.integer({ min: -3, max: 7 })) }),
    { maxLength: 40 },
  ),
  labels: fc.array(fc.record({ key, time: moment }), { minLength: 1, maxLength: 15 }),
  known: fc.boolean(),
  cut: fc.boolean(),
  strict: fc.boolean(),
  type: fc.constantFrom("integer" as const, "float" as const),
  times: fc.constantFrom("instant" as const, "utc" as const, "micros" as const),
});

let connection: DuckDBConnection;
let instance: DuckDBInstance;
beforeAll(async () => {
  instance = await DuckDBInstance.create(":memory:", { threads: "2" });
  connection = await instance.connect();
  // A zone with a summer time, so that a time read in the zone of the session is read wrongly.
  await connection.run("SET TimeZone = 'America/New_York'");
});
afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

const storedAs = { instant: "TIMESTAMPTZ", utc: "TIMESTAMP", micros: "BIGINT" } as const;
type Times = keyof typeof storedAs;

function time(micros: number | null, times: Times): string {
  if (micros === null || times === "micros") return String(micros);
  return times === "utc" ? `make_timestamp(${micros})` : `make_timestamptz(${micros})`;
}

const text = (value: string | null | undefined): string => (value == null ? "NULL" : `'${value}'`);

async function load(rows: readonly OracleRow[], labels: readonly OracleLabel[], times: Times, type: string) {
  const at = storedAs[times];
  await connection.run(`CREATE OR REPLACE TEMP TABLE source ("left" VARCHAR, "right" VARCHAR, event ${at}, known ${at},
    value ${type === "float" ? "DOUBLE" : "BIGINT"}, seq BIGINT)`);
  await connection.run(`CREATE OR REPLACE TEMP TABLE labels (a VARCHAR, b VARCHAR, "at" ${at}, n INTEGER)`);
  const values = rows.map(
    (row, i) =>
      `(${text(row.key[0])}, ${text(row.key[1])}, ${time(row.event, times)}, ${time(row.known, times)}, ${row.value}, ${i})`,
  );
  if (values.length > 0) await connection.run(`INSERT INTO source VALUES ${values.join()}`);
  const asked = labels.map(
    (label, i) => `(${text(label.key[0])}, ${text(label.key[1])}, ${time(label.time, times)}, ${i})`,
  );
  await connection.run(`INSERT INTO labels VALUES ${asked.join()}`);
}

/** The join of the tables that were loaded. */
const compiled = (
  of: CompileJoinOptions["views"],
  times: Times,
  { type, ...options }: Pick<CompileJoinOptions, "knownAt" | "strict"> & { readonly type?: "integer" | "float" },
): string =>
  compileJoin({
    views: of,
    features: ["v:*"],
    labels: { table: "labels", time: "at", times, ordinal: "n" },
    tables: { source: { table: "source", ingestion: "seq", times, ...(type && { types: { value: type } }) } },
    ...options,
    dialect: "duckdb",
  });

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRowObjects();
}

/** The values that a label sees, by their definition. */
function naive(rows: readonly OracleRow[], label: OracleLabel, strict: boolean): Record<string, unknown> {
  const visible = rows.filter(({ key: of, event, known }) => {
    if (event === null || known === null || of.some((each, i) => each === null || each !== label.key[i])) return false;
    return known <= label.time && (strict ? event < label.time : event <= label.time);
  });
  const seen = visible
    .filter(({ value }) => value !== null)
    .map(({ event, known, value }) => ({ event: event ?? 0, known: known ?? 0, value: value ?? 0 }))
    .toSorted((a, b) => a.event - b.event || a.known - b.known);
  const values = seen.filter(({ event }) => event > label.time - 4_000_000).map(({ value }) => value);
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return {
    "v:first": values[0] ?? null,
    "v:last": values.at(-1) ?? null,
    "v:younger": seen.findLast(({ event }) => event >= label.time - 2_000_000)?.value ?? null,
    "v:ever": seen.at(-1)?.value ?? null,
    "v:min": values.length === 0 ? null : BigInt(Math.min(...values)),
    "v:max": values.length === 0 ? null : Math.max(...values),
    "v:distinct": visible.length === 0 ? null : new Set(values).size,
    "v:median": values.length === 0 ? null : ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2,
  };
}

const close = (value: number | null): unknown => (value === null ? null : expect.closeTo(value, 10));

describe("the join compiled to DuckDB", () => {
  it(
    "equals the oracle, row for row, whatever the column type and the form of time",
    { timeout: 120_000 },
    async () => {
      const agrees = fc.asyncProperty(cases, async ({ rows, labels, known, cut, strict, type, times }) => {
        await load(rows, labels, times, type);
        const sql = compiled(known ? views.known : views.event, times, { type, knownAt: cut, strict });
        const told = known ? rows : rows.map((row) => ({ ...row, known: 0 }));
        const options = { ttl: 3_000_000, width: 4_000_000, knownAt: known && cut, strict };
        const wanted = labels.map((label, n) => {
          const {
            last,
            count: rowCount,
            sum: total,
            mean: average,
            share: part,
            stddev: deviation,
          } = oracle(told, label, options);
          return {
            n,
            "v:last": last,
            "v:count": rowCount,
            "v:sum": total,
            "v:mean": close(average),
            "v:share": close(part),
            "v:stddev": close(deviation),
          };
        });
        const found = await query(sql);
        expect(found.map(({ a: _a, b: _b, at: _at, ...rest }) => rest)).toEqual(wanted);
      });
      await fc.assert(agrees, { numRuns: 80 });
    },
  );

  it("equals naive windows in what looks at single values", { timeout: 120_000 }, async () => {
    const features = {
      first: window("4s", first("value")),
      last: window("4s", last("value")),
      younger: lastNonNull("value", { maxAge: "2s" }),
      ever: lastNonNull("value", { maxAge: "forever" }),
      min: window("4s", min("value", "int64")),
      max: window("4s", max("value")),
      distinct: window("4s", countDistinct("value")),
      median: window("4s", median("value")),
    };
    const view = featureView({ ...base, knownAt: "known", features });
    const agrees = fc.asyncProperty(cases, async ({ rows, labels, strict, times }) => {
      await load(rows, labels, times, "integer");
      const found = await query(compiled([view], times, { strict }));
      expect(found.map(({ a: _a, b: _b, at: _at, n: _n, ...rest }) => rest)).toEqual(
        labels.map((label) => naive(rows, label, strict)),
      );
    });
    await fc.assert(agrees, { numRuns: 60 });
  });

  it("equals the oracle in windows whose tail hops", { timeout: 120_000 }, async () => {
    const agrees = fc.asyncProperty(cases, async ({ rows, labels, known, cut, strict, type, times }) => {
      await load(rows, labels, times, type);
      const sql = compiled(known ? hoppingViews.known : hoppingViews.event, times, { type, knownAt: cut, strict });
      const told = known ? rows : rows.map((row) => ({ ...row, known: 0 }));
      const options = { ttl: 3_000_000, width: 4_000_000, hop: 1_500_000, knownAt: known && cut, strict };
      const wanted = labels.map((label) => {
        const {
          last: _last,
          lastNonNull: _past,
          ninth: _ninth,
          about: _about,
          near: _near,
          ...values
        } = oracle(told, label, options);
        return Object.fromEntries(
          Object.entries(values).map(([name, value]) => [
            `v:${name}`,
            ["mean", "share", "stddev"].includes(name) ? close(value) : value,
          ]),
        );
      });
      const found = await query(sql);
      expect(found.map(({ a: _a, b: _b, at: _at, n: _n, ...rest }) => rest)).toEqual(wanted);
    });
    await fc.assert(agrees, { numRuns: 60 });
  });

  it("sums integers beyond 2^53 exactly, and joins several views at once", async () => {
    await connection.run(`CREATE OR REPLACE TEMP TABLE big AS SELECT * FROM (VALUES
      (7, 1, 9007199254740993, 1), (7, 2, 4611686018427387904, 2), (7, 3, -4611686018427387904, 3)) AS t(id, "at", value, seq)`);
    await connection.run(`CREATE OR REPLACE TEMP TABLE asked AS SELECT 7::BIGINT AS id, 3::BIGINT AS "at"`);
    const number = entity({ name: "number", key: { id: "int64" } });
    const exact = { entities: [number], source: fromBatches("big", []), eventTime: "at", ttl: "1d" } as const;
    const sql = compileJoin({
      views: [
        featureView({
          ...exact,
          name: "x",
          features: { s: window("1s", sum("value", "int64")), v: column("value", "int64") },
        }),
        featureView({ ...exact, name: "y", features: { s: window("2us", sum("value", "int64")) } }),
      ],
      features: ["y:s", "x:*"],
      labels: { table: ["temp", "asked"], time: "at", times: "micros" },
      tables: { big: { table: "big", ingestion: "seq", times: "micros", types: { value: "integer" } } },
      dialect: "duckdb",
    });
    expect(await query(sql)).toEqual([
      { id: 7n, at: 3n, "y:s": 0n, "x:s": 9007199254740993n, "x:v": -4611686018427387904n },
    ]);
  });

  it("counts a NaN in no predicate, as JavaScript does", async () => {
    await connection.run(
      "CREATE OR REPLACE TEMP TABLE odd AS SELECT 'a' AS id, 1 AS at, 'NaN'::DOUBLE AS value, 1 AS seq",
    );
    const thing = entity({ name: "thing", key: { id: "string" } });
    const source = fromBatches("odd", []);
    const features = { high: window("1s", share(column("value").greaterThan(2))) };
    const sql = compileJoin({
      views: [featureView({ name: "v", entities: [thing], source, eventTime: "at", ttl: "1d", features })],
      features: ["v:high"],
      labels: { table: "odd", time: "at", times: "micros" },
      tables: { odd: { table: "odd", ingestion: "seq", times: "micros", types: { value: "float" } } },
      dialect: "duckdb",
    });
    expect(await query(sql)).toMatchObject([{ "v:high": 0 }]);
  });

  it("fails on a label without a time", async () => {
    await load([], [{ key: ["1", "1"], time: 0 }], "instant", "float");
    await connection.run('UPDATE labels SET "at" = NULL');
    const sql = compiled(views.known, "instant", { type: "integer" });
    await expect(query(sql)).rejects.toThrow("A label has no time in at");
  });

  it("quotes the names of others", async () => {
    const odd = entity({ name: "odd", key: { 'i"d': "string" } });
    await connection.run(
      `CREATE OR REPLACE TEMP TABLE "o'dd t""able" AS SELECT 'a' AS "i""d", 1 AS "order", 2 AS "select", 1 AS seq`,
    );
    const source = fromBatches("it's", []);
    const view = featureView({
      name: "group",
      entities: [odd],
      source,
      eventTime: "order",
      ttl: "1d",
      features: { "by.x": column("select"), x: window("1s", share(column('i"d').equals("a"))) },
    });
    const sql = compileJoin({
      views: [view],
      features: ["group:*"],
      labels: { table: `o'dd t"able`, time: "order", times: "micros" },
      tables: { "it's": { table: `o'dd t"able`, ingestion: "seq", times: "micros", types: { 'i"d': "string" } } },
      dialect: "duckdb",
    });
    expect(await query(sql)).toMatchObject([{ "group:by.x": 2, "group:x": 1 }]);
  });
});
