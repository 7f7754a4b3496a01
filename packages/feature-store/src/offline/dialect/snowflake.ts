import { backslashed, doubleQuoted, type SqlDialect } from "./dialect.ts";

export const snowflake: SqlDialect = {
  name: "snowflake",
  quote: doubleQuoted,
  text: backslashed,
  output: (feature) => feature,
  // Of a time without a zone it is the epoch as if in UTC.
  micros: (time, kind) => (kind === "micros" ? time : `DATE_PART(EPOCH_MICROSECOND, ${time})`),
  // There is no function that fails; a text that is no number does, and one that depends on the row is not folded early.
  fail: (message, time) => `TO_NUMBER(${backslashed(message)} || COALESCE(TO_VARCHAR(${time}), ''))`,
  types: {
    float64: "DOUBLE",
    int32: "NUMBER(10, 0)",
    int64: "NUMBER(19, 0)",
    boolean: "BOOLEAN",
    string: "VARCHAR",
    timestamp: undefined,
  },
  wide: "NUMBER(38, 0)",
  quantile: (value, q) => `PERCENTILE_CONT(${q}) WITHIN GROUP (ORDER BY ${value})`,
  isNaN: (value) => `${value} = 'NaN'::DOUBLE`,
};
