import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  type Cell,
  column,
  count,
  countDistinct,
  createFeatureStore,
  entity,
  featureView,
  first,
  fromRows,
  last,
  lastNonNull,
  max,
  mean,
  median,
  share,
  stddev,
  sum,
  type TableSource,
  window,
} from "@ashlar/feature-store";
import { compileJoin, type SqlDialectName } from "@ashlar/feature-store/sql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { missing, type Spark, startSpark } from "./session.ts";

// Rows heavy with ties, nulls and late news: few keys, few moments. The reference is `arrow()`, which is held to a join
// by nested loops in the package's own tests.
const moments = 12;
const origin = Date.UTC(2001, 5, 1);

/** Numbers that look random and are the same in every run (Park and Miller's generator). */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
}

type Row = Readonly<Record<string, Cell>>;

function sourceRows(size: number, seed: number): Row[] {
  const next = generator(seed);
  const nearly = <Value>(value: Value): Value | null => (next(9) === 0 ? null : value);
  return Array.from({ length: size }, (_, seq) => ({
    airport: nearly(["1", "11", "it's", "BER"][next(4)] ?? ""),
    gate: nearly(BigInt(next(2))),
    event: nearly(new Date(origin + next(moments) * 1000)),
    known: nearly(new Date(origin + next(moments) * 1000)),
    delay: nearly(BigInt(next(11)) - 3n),
    weight: nearly((next(9) - 2) / 4),
    seq: BigInt(seq),
  }));
}

const labelRows = (size: number, seed: number): Row[] => {
  const next = generator(seed);
  return Array.from({ length: size }, (_, n) => ({
    airport: next(9) === 0 ? null : (["1", "11", "it's", "BER", "no such"][next(5)] ?? ""),
    gate: next(9) === 0 ? null : BigInt(next(2)),
    at: new Date(origin + next(moments) * 1000),
    n: BigInt(n),
  }));
};

const gate = entity({ name: "gate", key: { airport: "string", gate: "int64" } });
const makeView = (source: TableSource, known: boolean) =>
  featureView({
    name: "flights",
    entities: [gate],
    source,
    eventTime: "event",
    ...(known ? { knownAt: "known" } : {}),
    ttl: "3s",
    features: {
      delay: column("delay", "int64"),
      any_delay: lastNonNull("delay", { maxAge: "5s" }),
      rows_4s: window("4s", count()),
      sum_4s: window("4s", sum("delay", "int64")),
      mean_4s: window("4s", mean("delay")),
      late_4s: window("4s", share(column("delay").greaterThan(2))),
      weight_2s: window("2s", sum("weight")),
      deviation_2s: window("2s", stddev("delay")),
      first_2s: window("2s", first("weight")),
      max_2s: window("2s", max("delay", "int64")),
      kinds_2s: window("2s", countDistinct("delay")),
      median_2s: window("2s", median("delay")),
      rows_hopping: window("4s", count(), { hop: "3s" }),
      mean_hopping: window("4s", mean("delay"), { hop: "3s" }),
      weight_hopping: window("4s", sum("weight"), { hop: "3s" }),
      kinds_hopping: window("4s", countDistinct("delay"), { hop: "3s" }),
      max_hopping: window("4s", max("delay", "int64"), { hop: "3s" }),
      last_hopping: window("4s", last("delay"), { hop: "3s" }),
    },
  });
const types = { delay: "integer", weight: "float" } as const;

describe.skipIf(missing !== "" && process.env["CI"] === undefined)(`Spark${missing && `: ${missing}`}`, () => {
  let spark: Spark;
  let folder: string;
  const source = sourceRows(400, 7);
  const labels = labelRows(120, 99);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "ashlar-spark-features-"));
    spark = await startSpark(folder);
    await spark.sql(view("flights", source));
    await spark.sql(view("labels", labels));
  }, 180_000);

  afterAll(async () => {
    await spark?.[Symbol.asyncDispose]();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  it.each([
    { known: true, knownAt: true, strict: false },
    { known: true, knownAt: false, strict: true },
    { known: false, knownAt: true, strict: true },
    { known: true, knownAt: true, strict: true },
  ])("joins as trainingSet does: %j", async ({ known, knownAt, strict }) => {
    const flights = makeView(fromRows("flights", source), known);
    const set = await createFeatureStore({ views: [flights] }).trainingSet({
      labels: fromRows("labels", labels),
      time: "at",
      features: ["flights:*"],
      knownAt,
      strict,
    });
    const sql = compileJoin({
      views: [flights],
      features: ["flights:*"],
      labels: { table: "labels", time: "at", ordinal: "n" },
      tables: { flights: { table: "flights", ingestion: "seq", types } },
      knownAt,
      strict,
      dialect: "spark",
    });
    const found = await spark.sql(sql);
    expect(found.length).toBe(set.rows);
    found.forEach((row, i) => {
      for (const [feature, value] of Object.entries(set.row(i))) {
        expect([i, feature, rounded(row[feature])]).toEqual([i, feature, rounded(value)]);
      }
    });
  });

  it("reads times without a zone as UTC, also where the session's zone is another", async () => {
    const flights = makeView(fromRows("flights", source), true);
    const make = (table: string, times: "instant" | "utc"): string =>
      compileJoin({
        views: [flights],
        features: ["flights:delay", "flights:rows_4s"],
        labels: { table: "labels", time: "at", ordinal: "n" },
        tables: { flights: { table, ingestion: "seq", times, types } },
        dialect: "spark",
      });
    const zoned = await spark.sql(make("flights", "instant"));
    await spark.sql(`CREATE TEMPORARY VIEW naive AS SELECT airport, gate, delay, weight, seq,
      CAST(event AS TIMESTAMP_NTZ) AS event, CAST(known AS TIMESTAMP_NTZ) AS known FROM flights`);
    expect(await spark.sql(make("naive", "utc"))).toEqual(zoned);
  });

  it("fails on a label without a time", async () => {
    await spark.sql(
      "CREATE TEMPORARY VIEW timeless AS SELECT '1' AS airport, g AS gate, CAST(NULL AS TIMESTAMP) AS at FROM VALUES (0L), (NULL) AS t(g)",
    );
    const sql = compileJoin({
      views: [makeView(fromRows("flights", source), true)],
      features: ["flights:delay"],
      labels: { table: "timeless", time: "at" },
      tables: { flights: { table: "flights", ingestion: "seq" } },
      dialect: "spark",
    });
    await expect(spark.sql(sql)).rejects.toThrow("A label has no time in at");
  });
});

/** To ten decimals: floats agree to rounding. */
const rounded = (value: unknown): number | null => (value === null ? null : Math.round(Number(value) * 1e10) / 1e10);

/** A temporary view of rows by VALUES. */
function view(name: string, rows: readonly Row[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const type = (of: string): string => {
    const cell = rows.find((row) => row[of] != null)?.[of];
    if (cell instanceof Date) return "TIMESTAMP";
    return typeof cell === "bigint" ? "BIGINT" : typeof cell === "string" ? "STRING" : "DOUBLE";
  };
  const casts = columns.map((each) => `CAST(${each} AS ${type(each)}) AS ${each}`);
  const values = rows.map((row) => `(${columns.map((each) => literal(row[each])).join(", ")})`);
  return `CREATE TEMPORARY VIEW ${name} AS SELECT ${casts.join(", ")} FROM VALUES ${values.join(", ")} AS t(${columns.join(", ")})`;
}

function literal(cell: Cell): string {
  if (cell == null) return "NULL";
  if (cell instanceof Date) return `TIMESTAMP '${cell.toISOString()}'`;
  return typeof cell === "string" ? `'${cell.replaceAll("'", "\\'")}'` : String(cell);
}

const python = process.env["ASHLAR_PYTHON"] ?? fileURLToPath(new URL("../../.venv/bin/python", import.meta.url));
const parse = `
import sqlglot, sys
tree = sqlglot.parse_one(sys.argv[2], read=sys.argv[1], error_level=sqlglot.ErrorLevel.RAISE)
if any(isinstance(node, sqlglot.exp.Command) for node in tree.walk()):
    raise SystemExit("not understood as a query")
print(len(list(tree.find_all(sqlglot.exp.CTE))))
`;

describe.skipIf(!existsSync(python) && process.env["CI"] === undefined)("the parsers of sqlglot", () => {
  const names: Record<string, SqlDialectName> = {
    spark: "spark",
    trino: "trino",
    bigquery: "bigquery",
    snowflake: "snowflake",
    duckdb: "duckdb",
  };
  it.each(Object.entries(names))("read the SQL of %s", async (name, dialect) => {
    const flights = makeView(fromRows("flights", sourceRows(1, 1)), true);
    const all = Object.keys(flights.features).map((feature) => `flights:${feature}` as const);
    const exact = dialect === "trino" || dialect === "bigquery" ? all.filter((each) => !each.includes("median")) : all;
    const sql = compileJoin({
      views: [flights],
      features: exact,
      labels: { table: ["lake", "labels"], time: "at", times: "utc", ordinal: "n" },
      tables: { flights: { table: ["lake", "flights"], ingestion: "seq", types } },
      dialect,
    });
    const { stdout } = await promisify(execFile)(python, ["-c", parse, name, sql]);
    expect(Number(stdout)).toBe(11);
  });
});
