import { type ColumnType, decimalOf, type PrimitiveType, type Value } from "./column-type.ts";
import { parseDecimal } from "./decimal.ts";

/** A bound from the text that DuckDB has for a value; undefined where the text does not tell it exactly. */
export function boundOf(type: ColumnType, text: unknown): Value | undefined {
  if (typeof text !== "string") return undefined;
  const decimal = decimalOf(type);
  if (decimal !== undefined) return parseDecimal(text, decimal.scale);
  switch (type as PrimitiveType) {
    case "string":
      return text.includes("\ufffd") ? undefined : text;
    case "long":
      return /^-?\d+$/.test(text) ? BigInt(text) : undefined;
    case "byte":
    case "short":
    case "integer":
    case "double":
      return numberOf(text);
    case "float":
      return floatOf(numberOf(text));
    case "date":
      return dayOf(text);
    case "timestamp":
    case "timestamp_ntz":
      return microsOf(text);
    default:
      return undefined;
  }
}

function numberOf(text: string): number | undefined {
  const infinite = /^(-?)inf(inity)?$/.exec(text);
  if (infinite !== null) return infinite[1] === "-" ? -Infinity : Infinity;
  const number = Number(text);
  return Number.isNaN(number) ? undefined : number;
}

/** The shortest text of a 32-bit number, read as a 64-bit one, could lie between two of 32 bits: then it says nothing. */
function floatOf(number: number | undefined): number | undefined {
  if (number === undefined) return undefined;
  const float = Math.fround(number);
  const sure = [1 - 2 ** -50, 1 + 2 ** -50].every((nudge) => Math.fround(number * nudge) === float);
  return sure ? float : undefined;
}

/** Years 0001 to 9999: others have no plain text. */
function dayOf(text: string): number | undefined {
  const days = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) / 86_400_000 : Number.NaN;
  return Number.isInteger(days) ? days : undefined;
}

function microsOf(text: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:\+00)?$/.exec(text);
  const millis = match === null ? Number.NaN : Date.parse(`${match[1]}T${match[2]}Z`);
  return Number.isNaN(millis) ? undefined : BigInt(millis) * 1000n + BigInt((match?.[3] ?? "").padEnd(6, "0"));
}
