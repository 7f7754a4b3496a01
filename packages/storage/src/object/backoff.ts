import { type Clock, isAshlarError, systemClock } from "@ashlar/core";

export interface Backoff {
  /** Tries in all, the first one counted. */
  readonly attempts: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** @default the system clock */
  readonly clock?: Clock;
  /** From 0 up to 1. @default Math.random */
  readonly random?: () => number;
}

export interface Trial extends Backoff {
  readonly signal?: AbortSignal | undefined;
  readonly isRetryable: (error: unknown) => boolean;
}

/**
 * Tries again after a random part of a delay that doubles ("full jitter": Brooker, "Exponential Backoff And Jitter",
 * 2015), or after what the store asked for when that is longer. `work` is told which try it is, from 1. A store that
 * asks for more than `maxDelayMs` is not waited for.
 */
export async function tried<Result>(trial: Trial, work: (attempt: number) => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      trial.signal?.throwIfAborted();
      if (attempt >= trial.attempts || !trial.isRetryable(error) || !(await waited(trial, attempt, error))) throw error;
    }
  }
}

/** Waits before the next try; false when the store asked for a longer wait than there may be. */
export async function waited(trial: Omit<Trial, "isRetryable">, attempt: number, error: unknown): Promise<boolean> {
  const { baseDelayMs, maxDelayMs, clock = systemClock, random = Math.random, signal } = trial;
  const asked = askedDelay(error);
  if (asked > maxDelayMs) return false;
  const delay = Math.max(asked, random() * Math.min(maxDelayMs, baseDelayMs * 2 ** (attempt - 1)));
  await clock.sleep(delay, signal === undefined ? {} : { signal });
  return true;
}

function askedDelay(error: unknown): number {
  const asked = isAshlarError(error) ? error.details["retryAfterMs"] : undefined;
  return typeof asked === "number" ? asked : 0;
}

/** Milliseconds of a Retry-After header: seconds, or a date (RFC 9110, section 10.2.3). */
export function retryAfterMs(header: unknown, now: number = Date.now()): number | undefined {
  if (typeof header !== "string") return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
