import { networkingError } from "./errors.ts";

/** A length of time: milliseconds as a number, or written with its unit: `"250ms"`, `"1.5s"`, `"2m"`, `"1h"`. */
export type Duration = number | `${number}ms` | `${number}s` | `${number}m` | `${number}h`;

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

// Beyond this a timer of the platform fires at once instead of late.
const longest = 2 ** 31 - 1;

/**
 * Milliseconds of a duration.
 *
 * @throws OPTION_INVALID when it is not a positive length of at most 24 days.
 */
export function toMilliseconds(duration: Duration, option: string): number {
  const milliseconds = typeof duration === "number" ? duration : parse(duration);
  if (!(milliseconds > 0 && milliseconds <= longest)) {
    const rule = `a positive duration of at most 24 days, such as 250, "250ms" or "2s"`;
    throw networkingError("OPTION_INVALID", { option, value: JSON.stringify(duration) ?? String(duration), rule });
  }
  return milliseconds;
}

function parse(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  return match ? Number(match[1]) * (units[match[2] as string] as number) : Number.NaN;
}
