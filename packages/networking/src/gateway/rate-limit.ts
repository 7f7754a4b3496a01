import { type Clock, systemClock } from "@ashlar/core";
import { networkingError } from "../errors.ts";
import { checkedNumber } from "../option.ts";

/** Requests for each second, minute or hour: `"200/s"`, `"30/m"`. */
export type Rate = `${number}/${"s" | "m" | "h"}`;

export interface RateLimiterOptions {
  readonly rate: Rate;
  /** Requests that may come at once after a pause. Default: the count of the rate, rounded up. */
  readonly burst?: number;
  /** Keys remembered at once. Default 100 000. */
  readonly capacity?: number;
  /** Default: the system clock. */
  readonly clock?: Clock;
}

export interface RateDecision {
  readonly allowed: boolean;
  /** 0 when allowed; otherwise when the same request would be. */
  readonly retryAfterMs: number;
}

export interface RateLimiter {
  /** Takes one request of the key, or refuses it and takes nothing. */
  take(key: string): RateDecision;
  /** Keys remembered now. */
  readonly size: number;
}

const unitMilliseconds: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

const allowed: RateDecision = Object.freeze({ allowed: true, retryAfterMs: 0 });

/**
 * A generic cell rate algorithm (ITU-T I.371, "virtual scheduling") with one number for each key: the theoretical
 * arrival time. Unlike a fixed window it never lets twice the rate through at a border.
 *
 * The table is bounded. Its oldest key goes first, and is normally no longer owed anything; only when more than
 * `capacity` keys are active within one burst is a limited key forgotten.
 *
 * @throws OPTION_INVALID
 */
export function rateLimiter(options: RateLimiterOptions): RateLimiter {
  const { count, unit } = parseRate(options.rate);
  const burst = checkedNumber("limit.burst", options.burst ?? Math.ceil(count), { least: 1, most: 1e6, whole: true });
  const capacity = checkedNumber("limit.capacity", options.capacity ?? 100_000, { least: 1, whole: true });
  const clock = options.clock ?? systemClock;
  // Time is counted in 1/count milliseconds, so that the interval between two requests is the whole number `unit`.
  const tolerance = unit * (burst - 1);
  const arrivals = new Map<string, number>();

  const forget = (now: number): void => {
    for (const [key, arrival] of arrivals) {
      if (arrival > now && arrivals.size <= capacity) return;
      arrivals.delete(key);
    }
  };

  return {
    get size() {
      return arrivals.size;
    },
    take(key) {
      const now = clock.monotonic() * count;
      const arrival = Math.max(arrivals.get(key) ?? now, now);
      if (arrival - now > tolerance) {
        return { allowed: false, retryAfterMs: (arrival - now - tolerance) / count };
      }
      // Deleted first, so that the map stays in order of the last request taken.
      arrivals.delete(key);
      arrivals.set(key, arrival + unit);
      if (arrivals.size > capacity) forget(now);
      return allowed;
    },
  };
}

function parseRate(rate: string): { count: number; unit: number } {
  const match = /^(\d+(?:\.\d+)?)\/([smh])$/.exec(rate);
  const count = Number(match?.[1]);
  if (!match || !(count > 0 && count <= 1e6)) {
    const rule = `a count of at most a million for each s, m or h, such as "200/s"`;
    throw networkingError("OPTION_INVALID", { option: "limit.rate", value: JSON.stringify(rate) ?? "missing", rule });
  }
  return { count, unit: unitMilliseconds[match[2] as string] as number };
}

/** The key of a client address: IPv6 clients own at least a /64, so that is what is limited. */
export function addressKey(address: string): string {
  if (!address.includes(":")) return address;
  if (address.startsWith("::ffff:") && address.includes(".")) return address.slice(7);
  const [head = "", tail] = address.split("%")[0]!.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const gap = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array<string>(gap).fill("0"), ...right].slice(0, 4);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`;
}
