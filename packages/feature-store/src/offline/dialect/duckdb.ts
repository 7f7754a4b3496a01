import { doubledQuotes, doubleQuoted, type SqlDialect } from "./dialect.ts";

export const duckdb: SqlDialect = {
  name: "duckdb",
  quote: doubleQuoted,
  text: doubledQuotes,
  output: (feature) => feature,
  micros: (time, kind) => (kind === "micros" ? time : `epoch_us(${time})`),
  fail: (message) => `CAST(error(${doubledQuotes(message)}) AS BIGINT)`,
  types: {
    float64: "DOUBLE",
    int32: "INTEGER",
    int64: "BIGINT",
    boolean: "BOOLEAN",
    string: "VARCHAR",
    timestamp: undefined,
  },
  wide: "HUGEINT",
  quantile: (value, q) => `quantile_cont(${value}, ${q})`,
  isNaN: (value) => `isnan(${value})`,
};
