import { type ColumnType, decimalOf, isNested, type PrimitiveType, type Value } from "../parquet/column-type.ts";
import { decimalText, parseDecimal } from "../parquet/decimal.ts";
import { isNamedDay, isNamedMoment, parseDay, parseTimestamp, timestampText } from "./partition-value.ts";

/**
 * A bound as it stands in `add.stats`; undefined where there is none, or where it would be a lie.
 * Timestamps stand in milliseconds, the upper bound rounded up.
 */
export function boundText(type: ColumnType, value: Value, end: "min" | "max"): string | undefined {
  if (isNested(type)) return undefined;
  const decimal = decimalOf(type);
  if (decimal !== undefined) return decimalText(value as bigint, decimal.scale);
  switch (type as PrimitiveType) {
    case "string":
      return JSON.stringify(shortened(value as string, end));
    case "timestamp":
    case "timestamp_ntz":
      return timestampBound(type, value as bigint, end);
    case "date":
      if (!isNamedDay(value as number)) return undefined;
      return JSON.stringify(new Date((value as number) * 86_400_000).toISOString().slice(0, 10));
    case "float":
    case "double":
      return Number.isFinite(value) ? JSON.stringify(value) : undefined;
    case "boolean":
    case "binary":
      return undefined;
    default:
      return String(value as number | bigint);
  }
}

function timestampBound(type: ColumnType, micros: bigint, end: "min" | "max"): string | undefined {
  const below = ((micros % 1000n) + 1000n) % 1000n;
  const whole = end === "max" && below > 0n ? micros - below + 1000n : micros - below;
  if (!isNamedMoment(whole)) return undefined;
  const text = timestampText(whole).slice(0, "2001-06-01T12:30:00.000".length);
  return JSON.stringify(type === "timestamp" ? `${text}Z` : text);
}

/** Long strings are cut; the upper bound then gets the greatest character, so that it stays above. */
function shortened(text: string, end: "min" | "max"): string {
  const characters = [...text];
  if (characters.length <= 32) return text;
  if (end === "min") return characters.slice(0, 32).join("");
  // What follows the cut must not be greater than what stands in its place.
  let kept = 32;
  while (characters[kept] === greatest) kept += 1;
  return kept >= characters.length ? text : characters.slice(0, kept).join("") + greatest;
}

const greatest = "\u{10ffff}";

/** A number as it stood in the text, where a double would not be it. */
export class ExactNumber {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

/** JSON in which no digit of a number is lost: beyond 2^53 integers are bigints, and other numbers keep their text. */
export function parseExactly(text: string): unknown {
  try {
    return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) => {
      const source = context?.source;
      if (typeof value !== "number" || source === undefined || String(value) === source) return value;
      return /^-?\d+$/.test(source) && !Number.isSafeInteger(value) ? BigInt(source) : new ExactNumber(source);
    });
  } catch {
    return undefined;
  }
}

/** A bound from statistics of any writer; undefined when it says nothing that can be relied on. */
export function parseBound(type: ColumnType, value: unknown, end: "min" | "max"): Value | undefined {
  if (isNested(type)) return undefined;
  const decimal = decimalOf(type);
  if (decimal !== undefined) return decimalBound(decimal.scale, value, end);
  switch (type as PrimitiveType) {
    case "long":
      if (typeof value === "bigint") return value;
      return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : undefined;
    case "timestamp":
    case "timestamp_ntz": {
      const micros = typeof value === "string" ? parseTimestamp(value) : undefined;
      // Writers may cut timestamps to milliseconds, which puts an upper bound too low.
      return micros === undefined ? undefined : end === "max" ? micros + 1000n : micros;
    }
    case "date":
      return typeof value === "string" ? parseDay(value) : undefined;
    case "string":
      return typeof value === "string" ? value : undefined;
    case "byte":
    case "short":
    case "integer":
    case "float":
    case "double":
      return numberBound(value);
    case "boolean":
    case "binary":
      return undefined;
  }
}

function numberBound(value: unknown): number | undefined {
  if (value instanceof ExactNumber) return Number(value.source);
  return typeof value === "number" || typeof value === "bigint" ? Number(value) : undefined;
}

/** Some writers pass decimals through doubles: beyond 15 digits a bound is moved out by what that may have cost. */
function decimalBound(scale: number, value: unknown, end: "min" | "max"): bigint | undefined {
  const text = value instanceof ExactNumber ? value.source : value;
  if (typeof text !== "string" && typeof text !== "number" && typeof text !== "bigint") return undefined;
  // A double may stand with more digits than the scale has: the bound is taken at the scale's last digit, outwards.
  const finer = parseDecimal(String(text), scale + 40);
  if (finer === undefined) return undefined;
  const factor = 10n ** 40n;
  const cut = finer / factor;
  const rest = finer % factor;
  const outwards = end === "max" ? (rest > 0n ? cut + 1n : cut) : rest < 0n ? cut - 1n : cut;
  const magnitude = outwards < 0n ? -outwards : outwards;
  const slack = magnitude < 10n ** 15n ? 0n : magnitude / 2n ** 52n + 1n;
  return end === "max" ? outwards + slack : outwards - slack;
}
