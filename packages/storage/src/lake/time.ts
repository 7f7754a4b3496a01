import type { LogEntry } from "./log.ts";

const second = 1000;
const units: Readonly<Record<string, number>> = {
  millisecond: 1,
  second,
  minute: 60 * second,
  hour: 3600 * second,
  day: 86_400 * second,
  week: 7 * 86_400 * second,
};
const short: Readonly<Record<string, string>> = { ms: "millisecond", s: "second", m: "minute", h: "hour", d: "day" };

/**
 * Milliseconds of `7d`, or of the intervals in Delta's table properties (`interval 1 week 2 days`); undefined when the
 * text is neither. Months and years have no length and are neither.
 */
export function parseInterval(text: string): number | undefined {
  const words = text
    .trim()
    .toLowerCase()
    .replace(/^interval\s+/, "");
  if (!/^(\d+(\.\d+)?\s*[a-z]+\s*)+$/.test(words)) return undefined;
  let sum = 0;
  for (const [, count = "", word = ""] of words.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/g)) {
    const unit = units[short[word] ?? word.replace(/s$/, "")];
    if (unit === undefined) return undefined;
    sum += Number(count) * unit;
  }
  return sum;
}

/** When each version was committed, epoch milliseconds, strictly ascending. */
export interface CommitTime {
  readonly version: number;
  readonly timestamp: number;
}

/**
 * The times of versions as Delta has them: when the store last changed each entry, so that the clocks of writers do not
 * matter; moved on by a millisecond where the store's own clock stood still or went back.
 */
export function commitTimes(entries: readonly LogEntry[]): CommitTime[] {
  let previous = -Infinity;
  return entries.map(({ version, modified }) => {
    previous = Math.max(Math.floor(modified), previous + 1);
    return { version, timestamp: previous };
  });
}

/** The last version committed at or before a moment; undefined when all came after it. */
export function versionAt(times: readonly CommitTime[], timestamp: number): number | undefined {
  return times.findLast((time) => time.timestamp <= timestamp)?.version;
}
