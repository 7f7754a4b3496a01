import { featureStoreError } from "../errors.ts";

/** A length of time: a positive whole number and a unit, such as `"500ms"`, `"15m"`, `"6h"`, `"7d"`. */
export type Duration = `${number}${"us" | "ms" | "s" | "m" | "h" | "d"}`;

const microseconds: Readonly<Record<string, number>> = {
  us: 1,
  ms: 1_000,
  s: 1_000_000,
  m: 60_000_000,
  h: 3_600_000_000,
  d: 86_400_000_000,
};

/** @returns whole microseconds @throws DURATION_INVALID */
export function durationMicros(value: unknown, of: string): number {
  const match = typeof value === "string" ? /^(\d{1,15})(us|ms|s|m|h|d)$/.exec(value) : null;
  if (match === null) throw featureStoreError("DURATION_INVALID", { value, of, rule: "it has no number and unit" });
  const micros = Number(match[1]) * (microseconds[match[2] as string] as number);
  if (micros === 0) throw featureStoreError("DURATION_INVALID", { value, of, rule: "zero is no length of time" });
  if (!Number.isSafeInteger(micros)) throw featureStoreError("DURATION_INVALID", { value, of, rule: "it is too long" });
  return micros;
}

/** @returns whole microseconds, or Infinity for `"forever"` @throws DURATION_INVALID, for 0 too: say `"forever"` */
export function ttlMicros(value: unknown, of: string): number {
  return value === "forever" ? Infinity : durationMicros(value, of);
}
