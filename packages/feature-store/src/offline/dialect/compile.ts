import { featureStoreError } from "../../errors.ts";
import { bigquery } from "./bigquery.ts";
import type { SqlDialect } from "./dialect.ts";
import { duckdb } from "./duckdb.ts";
import { type JoinPlanOptions, planJoin } from "./plan.ts";
import { renderJoin } from "./render.ts";
import { snowflake } from "./snowflake.ts";
import { spark } from "./spark.ts";
import { trino } from "./trino.ts";

export type SqlDialectName = "spark" | "trino" | "bigquery" | "snowflake" | "duckdb";

const dialects: Readonly<Record<SqlDialectName, SqlDialect>> = { spark, trino, bigquery, snowflake, duckdb };

export interface CompileJoinOptions extends JoinPlanOptions {
  /** A dialect by name, or one of your own. */
  readonly dialect: SqlDialectName | SqlDialect;
}

/**
 * Compiles the point-in-time join of `trainingSet` to one SELECT: the columns of the labels, then the features, named
 * `view:feature` (in BigQuery `view__feature`). It sees what `trainingSet` sees: inclusive or strict, ttl to the
 * microsecond, cut off at what was known, the last row by (event, known, ingestion), null keys matching nothing, every
 * label out once. Its cost is a sort, also for hot keys, but for windows over floats and deviations, which cost as many
 * pairs as labels have rows in their windows.
 *
 * Integers are summed exactly; floats agree with `trainingSet` to rounding. A plain value that does not fit its declared
 * type is cast as the database casts, where `trainingSet` refuses it.
 *
 * @throws FEATURE_UNKNOWN; DEFINITION_INVALID for an unknown dialect, an on-demand view, a source without a table, a column
 * of unknown type, or two features of one column name
 */
export function compileJoin(options: CompileJoinOptions): string {
  const dialect = dialectOf(options.dialect);
  const plan = planJoin(options);
  const outputs = new Set<string>();
  for (const feature of plan.features) {
    const output = dialect.output(feature);
    if (outputs.has(output)) throw invalid(feature, `another feature is the column "${output}" too`);
    outputs.add(output);
  }
  return renderJoin(plan, dialect);
}

function dialectOf(dialect: CompileJoinOptions["dialect"]): SqlDialect {
  if (typeof dialect !== "string") return dialect;
  if (Object.hasOwn(dialects, dialect)) return dialects[dialect];
  throw invalid(dialect, `a dialect is one of ${Object.keys(dialects).join(", ")}`);
}

const invalid = (value: unknown, rule: string): Error =>
  featureStoreError("DEFINITION_INVALID", { of: "A join in SQL", value, rule });
