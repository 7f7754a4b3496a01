import { describe, expect, it } from "vitest";
import { base, hoppingViews, views } from "../../../test/compiled.ts";
import {
  approxCountDistinct,
  approxQuantile,
  column,
  featureView,
  median,
  onDemand,
  share,
  window,
} from "../../index.ts";
import { compileJoin, type CompileJoinOptions, type SqlDialectName } from "./compile.ts";

const asked = {
  views: views.known,
  features: ["v:*"],
  labels: { table: "labels", time: "at" },
  tables: { source: { table: "source", ingestion: "seq", types: { value: "integer" } } },
} as const satisfies Omit<CompileJoinOptions, "dialect">;

describe("a join compiled to SQL", () => {
  it.each(["spark", "trino", "bigquery", "snowflake", "duckdb"] as const)("reads as it did in %s", async (dialect) => {
    const sql = compileJoin({
      ...asked,
      labels: { table: ["lake", "labels"], time: "at", ordinal: "n" },
      tables: { source: { table: ["lake", "source"], ingestion: "seq", types: { value: "integer" } } },
      dialect,
    });
    await expect(`${sql}\n`).toMatchFileSnapshot(`./golden/${dialect}.sql`);
  });

  it("hops in Spark as it did", async () => {
    const features = [...(["v:count", "v:stddev", "v:lastInWindow"] as const)];
    const sql = compileJoin({ ...asked, views: hoppingViews.known, features, dialect: "spark" });
    await expect(`${sql}\n`).toMatchFileSnapshot("./golden/spark-hops.sql");
  });

  it.each([
    ["an unknown dialect", { ...asked, dialect: "oracle" as SqlDialectName }],
    ["a source without a table", { ...asked, tables: {}, dialect: "spark" }],
    [
      "a window over a column of unknown type",
      { ...asked, tables: { source: { table: "source", ingestion: "seq" } }, dialect: "spark" },
    ],
    [
      "a quantile where the database has none",
      { ...asked, views: [featureView({ ...base, features: { x: window("1s", median("value")) } })], dialect: "trino" },
    ],
    ...[approxCountDistinct("value"), approxQuantile("value", 0.5)].map((of): [string, CompileJoinOptions] => [
      `an estimate by ${of.aggregate}, which no database makes as we do`,
      { ...asked, views: [featureView({ ...base, features: { x: window("1s", of) } })], dialect: "spark" },
    ]),
    [
      "a mean of text",
      {
        ...asked,
        tables: { source: { table: "source", ingestion: "seq", types: { value: "string" } } },
        dialect: "spark",
      },
    ],
    [
      "a comparison with infinity",
      {
        ...asked,
        views: [featureView({ ...base, features: { x: window("1s", share(column("value").lessThan(Infinity))) } })],
        dialect: "spark",
      },
    ],
    [
      "an on-demand view",
      {
        ...asked,
        views: [onDemand({ name: "v", input: {}, output: { x: "int32" }, compute: () => ({ x: 1 }) })],
        dialect: "spark",
      },
    ],
    [
      "two features of one name in BigQuery",
      {
        ...asked,
        views: [featureView({ ...base, features: { "a.b": column("value"), "a-b": column("value") } })],
        dialect: "bigquery",
      },
    ],
  ] satisfies [string, CompileJoinOptions][])("refuses %s", (_, options) => {
    expect(() => compileJoin(options)).toThrow(expect.objectContaining({ code: "DEFINITION_INVALID" }));
  });
});
