import type { PrimitiveType, Value } from "./column-type.ts";

const bits: Partial<Record<PrimitiveType, number>> = { byte: 8, short: 16, integer: 32, date: 32 };

/** The rule of a type that a plain value breaks, which would be lost or changed in a column of it; undefined when it breaks none. */
export function brokenRule(type: PrimitiveType, value: Value): string | undefined {
  switch (type) {
    case "boolean":
      return typeof value === "boolean" ? undefined : "it must be true or false";
    case "string":
      if (typeof value !== "string") return "it must be a string";
      return value.isWellFormed() ? undefined : "half of a character (a lone surrogate) has no form in UTF-8";
    case "binary":
      return value instanceof Uint8Array ? undefined : "it must be a Uint8Array";
    case "float":
    case "double":
      if (typeof value !== "number") return "it must be a number";
      return type === "float" && Number.isFinite(value) && !Number.isFinite(Math.fround(value))
        ? "32 bits would make it infinite"
        : undefined;
    case "long":
    case "timestamp":
    case "timestamp_ntz":
      if (typeof value === "bigint") return BigInt.asIntN(64, value) === value ? undefined : "it must fit 64 bits";
      return Number.isSafeInteger(value) ? undefined : "it must be a bigint, or a whole number below 2^53";
    default: {
      const limit = 2 ** ((bits[type] ?? 0) - 1);
      const fits = typeof value === "number" && Number.isInteger(value) && value >= -limit && value < limit;
      return fits ? undefined : `it must be a whole number from ${-limit} to ${limit - 1}`;
    }
  }
}
