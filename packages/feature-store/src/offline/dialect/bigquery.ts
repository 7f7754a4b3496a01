import { backslashed, type SqlDialect } from "./dialect.ts";

/** GoogleSQL. A column name has letters, digits and underscores only: `view:feature` becomes `view__feature`. */
export const bigquery: SqlDialect = {
  name: "bigquery",
  quote: (identifier) => `\`${identifier.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``,
  text: backslashed,
  output: (feature) => feature.replace(":", "__").replaceAll(/[^A-Za-z0-9_]/g, "_"),
  micros: (time, kind) => {
    if (kind === "micros") return time;
    return kind === "utc" ? `UNIX_MICROS(TIMESTAMP(${time}, 'UTC'))` : `UNIX_MICROS(${time})`;
  },
  fail: (message) => `CAST(ERROR(${backslashed(message)}) AS INT64)`,
  types: {
    float64: "FLOAT64",
    int32: "INT64",
    int64: "INT64",
    boolean: "BOOL",
    string: "STRING",
    timestamp: undefined,
  },
  wide: "BIGNUMERIC",
};
