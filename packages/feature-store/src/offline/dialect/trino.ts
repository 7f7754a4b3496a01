import { doubledQuotes, doubleQuoted, type SqlDialect } from "./dialect.ts";

/** Trino, and Athena, which is Trino. */
export const trino: SqlDialect = {
  name: "trino",
  quote: doubleQuoted,
  text: doubledQuotes,
  output: (feature) => feature,
  micros: (time, kind) => {
    if (kind === "micros") return time;
    const instant = kind === "utc" ? `with_timezone(${time}, 'UTC')` : time;
    const second = `date_trunc('second', ${instant})`;
    // to_unixtime is a double: whole seconds are exact in it, and a fraction of one to half a microsecond until 2242.
    const seconds = `CAST(to_unixtime(${second}) AS BIGINT)`;
    const fraction = `CAST(round((to_unixtime(${instant}) - to_unixtime(${second})) * 1e6) AS BIGINT)`;
    return `(${seconds} * 1000000 + ${fraction})`;
  },
  fail: (message) => `CAST(fail(${doubledQuotes(message)}) AS BIGINT)`,
  types: {
    float64: "DOUBLE",
    int32: "INTEGER",
    int64: "BIGINT",
    boolean: "BOOLEAN",
    string: "VARCHAR",
    timestamp: undefined,
  },
  wide: "DECIMAL(38, 0)",
};
