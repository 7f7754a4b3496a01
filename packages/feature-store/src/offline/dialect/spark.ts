import { backslashed, type SqlDialect } from "./dialect.ts";

/** Spark SQL 3.4 and later, as Databricks runs it. */
export const spark: SqlDialect = {
  name: "spark",
  quote: (identifier) => `\`${identifier.replaceAll("`", "``")}\``,
  text: backslashed,
  output: (feature) => feature,
  micros: (time, kind) => {
    if (kind === "micros") return time;
    // A cast of a time without a zone would read it in the zone of the session.
    return kind === "utc"
      ? `unix_micros(CAST(concat(CAST(${time} AS STRING), 'Z') AS TIMESTAMP))`
      : `unix_micros(${time})`;
  },
  fail: (message) => `CAST(raise_error(${backslashed(message)}) AS BIGINT)`,
  types: {
    float64: "DOUBLE",
    int32: "INT",
    int64: "BIGINT",
    boolean: "BOOLEAN",
    string: "STRING",
    timestamp: undefined,
  },
  wide: "DECIMAL(38, 0)",
  quantile: (value, q) => `percentile(${value}, ${q})`,
  isNaN: (value) => `isnan(${value})`,
};
