import { featureStoreError } from "../errors.ts";
import { type Duration, durationMicros } from "./duration.ts";

/**
 * The rows that a window holds at a time `t`, in microseconds. Its head is `t` itself, exactly. Its tail is `t - width`, or
 * hops: the first microsecond of the window, `t - width + 1`, is then rounded down to a multiple of `hop` since 1970 in UTC.
 *
 * Source: the sawtooth windows of Chronon, whose window `[round(t - width), t)` this is for the microsecond after.
 */
export interface Span {
  /** Infinity for all rows there are. */
  readonly width: number;
  /** Undefined: the tail does not hop. */
  readonly hop?: number | undefined;
}

/** `time` rounded down to a multiple of `hop`. */
export const hopStart = (time: number, hop: number): number => time - remainder(time, hop);

/** The first microsecond of a window at `time`; -Infinity for one without an end. */
export function windowStart({ width, hop }: Span, time: number): number {
  const first = time - width + 1;
  return hop === undefined ? first : hopStart(first, hop);
}

/** The first time at which a row of `event` is in the window no more, were it seen. */
export const leavesAt = ({ width, hop }: Span, event: number): number =>
  hop === undefined ? event + width : hopStart(event, hop) + hop + width - 1;

/** How far back of a time the window can reach, both of its ends included. */
export const longestReach = ({ width, hop = 1 }: Span): number => width + hop - 1;

function remainder(time: number, hop: number): number {
  const rest = time % hop;
  return rest < 0 ? rest + hop : rest;
}

const minute = 60_000_000;
const hour = 60 * minute;
const day = 24 * hour;

/** The hop of a window that leaves it to us, as Chronon has it. */
const resolution = (width: number): number => {
  if (width >= 12 * day) return day;
  return width >= 12 * hour ? hour : Math.min(width, 5 * minute);
};

/**
 * @param hop a duration, or `"auto"`: a day for windows of 12 days and more, an hour for those of 12 hours and more, else
 * five minutes, and no more than the window
 * @throws DURATION_INVALID for one longer than the window
 */
export function hopMicros(hop: Duration | "auto" | undefined, width: number): number | undefined {
  if (hop === undefined) return undefined;
  const micros = hop === "auto" ? resolution(width) : durationMicros(hop, "hop");
  if (micros > width) {
    throw featureStoreError("DURATION_INVALID", { value: hop, of: "hop", rule: "it is longer than its window" });
  }
  return micros;
}
