import { storageError } from "../errors.ts";
import { type ColumnType, decimalOf, isNested, type PrimitiveType, type Scalar } from "../parquet/column-type.ts";
import type { Column } from "../parquet/column.ts";
import { brokenRule } from "../parquet/value-rule.ts";
import { decimalText, fitsPrecision, parseDecimal } from "../parquet/decimal.ts";

/** The numbers of days and microseconds whose years are 0001 to 9999, which every engine reads. */
const namedDays = { first: -719_162, last: 2_932_896 } as const;
const dayMicros = 86_400_000_000n;

export function isNamedDay(day: number): boolean {
  return day >= namedDays.first && day <= namedDays.last;
}

export function isNamedMoment(micros: bigint): boolean {
  return micros >= BigInt(namedDays.first) * dayMicros && micros < BigInt(namedDays.last + 1) * dayMicros;
}

/** "Partition Value Serialization" of the Delta protocol. @throws PARTITION_INVALID */
export function encodeValue(table: string, column: Column, row: number): string | null {
  const value = column.get(row);
  if (value === null) return null;
  if (value === "") {
    const problem = `"${column.name}" has an empty string, which Delta cannot tell from a null`;
    throw storageError("PARTITION_INVALID", { table, problem });
  }
  const decimal = decimalOf(column.type);
  if (decimal !== undefined) return decimalText(value as bigint, decimal.scale);
  const isTime = typeof value === "bigint" && column.type !== "long";
  if (isTime ? !isNamedMoment(value) : column.type === "date" && !isNamedDay(Number(value))) {
    const problem = `"${column.name}" has a time beyond the years 0001 to 9999 (${String(value)}), which has no name`;
    throw storageError("PARTITION_INVALID", { table, problem });
  }
  if (column.type === "date") return new Date(Number(value) * 86_400_000).toISOString().slice(0, 10);
  if (isTime) return timestampText(value).replace("T", " ").slice(0, -1);
  return String(value as Scalar);
}

/** A timestamp in microseconds as ISO text in UTC with six decimals. */
export function timestampText(micros: bigint): string {
  const below = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = new Date(Number((micros - below) / 1000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(below).padStart(6, "0")}Z`;
}

/** Days since 1970 of `2001-06-01`, with a sign where the year has more than four digits; undefined for no day of the calendar. */
export function parseDay(text: string): number | undefined {
  const match = /^([+-]?\d{4,7})-(\d\d)-(\d\d)$/.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0] = match.slice(1).map(Number);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const isThatDay = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isThatDay ? date.getTime() / 86_400_000 : undefined;
}

/** Microseconds from the forms that Delta writers use; undefined when the text is none of them. */
export function parseTimestamp(text: string): bigint | undefined {
  const match = /^(.{10,14}?)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  if (match === null) return undefined;
  const [, date = "", time = "00:00:00", fraction = "", zone = "Z"] = match;
  const day = parseDay(date);
  const millis = Date.parse(`1970-01-01T${time}${zone}`);
  if (day === undefined || Number.isNaN(millis)) return undefined;
  return BigInt(day) * dayMicros + BigInt(millis) * 1000n + BigInt(fraction.padEnd(6, "0").slice(0, 6));
}

/** A partition value by its column's type; undefined when the text is not of that type. */
export function decodeValue(type: ColumnType, text: string | null): Scalar | null | undefined {
  if (text === null || text === "") return null;
  if (isNested(type)) return undefined;
  const decimal = decimalOf(type);
  if (decimal !== undefined) {
    const unscaled = parseDecimal(text, decimal.scale);
    return unscaled !== undefined && fitsPrecision(unscaled, decimal.precision) ? unscaled : undefined;
  }
  switch (type as PrimitiveType) {
    case "string":
      return text;
    case "boolean":
      return text === "true" ? true : text === "false" ? false : undefined;
    case "long":
    case "byte":
    case "short":
    case "integer": {
      if (!/^-?\d+$/.test(text)) return undefined;
      const value = type === "long" ? BigInt(text) : Number(text);
      return brokenRule(type as PrimitiveType, value) === undefined ? value : undefined;
    }
    case "date":
      return parseDay(text);
    case "timestamp":
    case "timestamp_ntz":
      return parseTimestamp(text);
    case "float":
    case "double":
      return text === "NaN" || !Number.isNaN(Number(text)) ? Number(text) : undefined;
    case "binary":
      return undefined;
  }
}
