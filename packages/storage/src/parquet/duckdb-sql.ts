import type { Schema } from "apache-arrow";
import { type ColumnType, decimalOf, typesWithin } from "./column-type.ts";
import { decimalText } from "./decimal.ts";
import { sqlName, sqlText } from "./duckdb-library.ts";
import { sqlType } from "./duckdb-types.ts";
import { typesOf } from "./footer.ts";
import type { ColumnCheck } from "./port.ts";
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

/** A check as DuckDB can hold it; undefined where it would not be the same. */
export function checkSql({ test, nullPasses }: ColumnCheck): string | undefined {
  const { column, type, condition } = test;
  const { in: values = [], gt, gte, lt, lte, null: nulls, at } = condition;
  const literals = [...values, gt, gte, lt, lte].filter((value) => value !== undefined);
  // NaN is in no range here, and above all numbers in DuckDB: an upper end keeps it out there too.
  const open = (type === "float" || type === "double") && (gt ?? gte) !== undefined && (lt ?? lte) === undefined;
  const exact = literals.every((value) => isExact(type, value));
  if (at !== undefined || nulls === true || open || !exact || typeof type !== "string") return undefined;
  const sql = conditionOf(test) || "true";
  return nullPasses ? `(${sqlName(column)} IS NULL OR (${sql}))` : `(${sql})`;
}

/** For a `COPY` of values with a -0: DuckDB takes it and 0 for one entry of a dictionary. */
export const withoutDictionaries = ", DICTIONARY_SIZE_LIMIT 0";

/** True in rows in which a value may hold a -0, at any depth; undefined for types that have none. */
export function negativeZeroSql(value: string, type: ColumnType): string | undefined {
  if (type === "float" || type === "double") return `(${value} = 0 AND signbit(${value}))`;
  const has = [...typesWithin(type)].some((part) => part === "float" || part === "double");
  return has ? `contains(CAST(${value} AS VARCHAR), '-0.0')` : undefined;
}

const [leastLong, mostLong] = [-(2n ** 63n), 2n ** 63n - 1n];

/** Whether a value is in SQL what it is here. */
function isExact(type: ColumnType, value: unknown): boolean {
  // A part of a day would be rounded to one.
  if (type === "date") return Number.isSafeInteger(value) && Math.abs(value as number) < 100_000_000;
  if (type === "long") return (value as bigint) >= leastLong && (value as bigint) <= mostLong;
  // The greatest and the second least are its infinities, which have no number.
  if (type === "timestamp" || type === "timestamp_ntz") {
    return (value as bigint) > leastLong + 1n && (value as bigint) < mostLong;
  }
  // Half of a character is no UTF-8, and a statement ends at a character of zero.
  return typeof value === "string" ? value.isWellFormed() && !value.includes("\0") : true;
}

/** DuckDB only narrows the rows; it counts NaN as the greatest number, so it may let more through. */
function conditionOf({ column, type, condition }: ColumnTest): string {
  const name = sqlName(column);
  const narrows = (value: unknown): boolean => isExact(type, value);
  const literal = (value: unknown): string => literalOf(type, value);
  const parts: string[] = [];
  if (condition.null !== undefined) parts.push(`${name} IS ${condition.null ? "" : "NOT "}NULL`);
  if (condition.in?.every(narrows) === true) {
    parts.push(condition.in.length === 0 ? "false" : `${name} IN (${condition.in.map(literal).join(", ")})`);
  }
  const bounds = { gt: ">", gte: ">=", lt: "<", lte: "<=" } as const;
  for (const [key, operator] of Object.entries(bounds)) {
    const value = condition[key as keyof typeof bounds];
    if (value !== undefined && narrows(value)) parts.push(`${name} ${operator} ${literal(value)}`);
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
