import type { Clock } from "@ashlar/core";

/** Carries the milliseconds that are left, so that it needs no common clock. Set by the gateway for its upstreams. */
export const deadlineHeader = "x-request-deadline-ms";

/** One budget of time, shared by everything that is done for one request. */
export interface Deadline {
  /** The whole budget in milliseconds. */
  readonly budgetMs: number;
  /** Milliseconds left; never below 0. */
  remainingMs(): number;
}

export function startDeadline(budgetMs: number, clock: Clock): Deadline {
  const end = clock.monotonic() + budgetMs;
  return { budgetMs, remainingMs: () => Math.max(0, end - clock.monotonic()) };
}

/** The remaining budget a trusted caller sent, in milliseconds; undefined when there is none or it is no such number. */
export function parseDeadline(value: string | null | undefined): number | undefined {
  return value && /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

const cancelled = Symbol("timer cancelled");

/** Runs an action after some time of the clock. @returns cancels it, leaving no timer behind */
export function startTimer(clock: Clock, milliseconds: number, action: () => void): () => void {
  const controller = new AbortController();
  clock.sleep(milliseconds, { signal: controller.signal }).then(action, () => {});
  return () => controller.abort(cancelled);
}
