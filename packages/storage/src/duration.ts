import { storageError } from "./errors.ts";

const milliseconds: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A length of time: milliseconds, or a number with a unit: `"90s"`, `"15m"`, `"24h"`, `"7d"`, `"250ms"`. */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

/** @returns milliseconds, above 0 @throws DURATION_INVALID, naming the option */
export function durationMs(name: string, value: Duration): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(String(value));
  const length = typeof value === "number" ? value : Number(match?.[1]) * (milliseconds[match?.[2] ?? ""] ?? NaN);
  if (!(length > 0) || !Number.isFinite(length)) throw storageError("DURATION_INVALID", { name, value: String(value) });
  return length;
}
