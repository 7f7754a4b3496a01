import type { Schema } from "apache-arrow";
import { type ColumnType, decimalOf } from "./column-type.ts";
import { decimalText } from "./decimal.ts";
import { sqlName, sqlText } from "./duckdb-library.ts";
import { sqlType } from "./duckdb-types.ts";
import { typesOf } from "./footer.ts";
import type { ColumnTest } from "./predicate.ts";

/** The query for some columns of a Parquet file. Strings come as bytes. */
export function selection(path: string, schema: Schema, tests: readonly ColumnTest[]): string {
  const columns = [...typesOf(schema)].map(([name, type]) => {
    const cast = `CAST(${sqlName(name)} AS ${sqlType(type)})`;
    return type === "string" ? `encode(${cast})` : cast;
  });
  const conditions = tests.map(conditionOf).filter((condition) => condition !== "");
  const where = conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`;
  return `SELECT ${columns.join(", ")} FROM read_parquet(${sqlText(path)}, hive_partitioning = false)${where}`;
}

/** DuckDB only narrows the rows; it counts NaN as the greatest number, so it may let more through. */
function conditionOf({ column, type, condition }: ColumnTest): string {
  const name = sqlName(column);
  const literal = (value: unknown): string => literalOf(type, value);
  const parts: string[] = [];
  if (condition.null !== undefined) parts.push(`${name} IS ${condition.null ? "" : "NOT "}NULL`);
  if (condition.in !== undefined) {
    parts.push(condition.in.length === 0 ? "false" : `${name} IN (${condition.in.map(literal).join(", ")})`);
  }
  const bounds = { gt: ">", gte: ">=", lt: "<", lte: "<=" } as const;
  for (const [key, operator] of Object.entries(bounds)) {
    const value = condition[key as keyof typeof bounds];
    if (value !== undefined) parts.push(`${name} ${operator} ${literal(value)}`);
  }
  return parts.join(" AND ");
}

function literalOf(type: ColumnType, value: unknown): string {
  const decimal = decimalOf(type);
  if (decimal !== undefined) {
    return `CAST(${sqlText(decimalText(value as bigint, decimal.scale))} AS DECIMAL(38,${decimal.scale}))`;
  }
  if (type === "timestamp") return `make_timestamptz(${String(value)})`;
  if (type === "timestamp_ntz") return `make_timestamp(${String(value)})`;
  if (type === "date") return `(DATE '1970-01-01' + CAST(${String(value)} AS INTEGER))`;
  if (typeof value === "string") return sqlText(value);
  return `CAST(${sqlText(String(value))} AS ${type === "long" ? "BIGINT" : type === "boolean" ? "BOOLEAN" : "DOUBLE"})`;
}
