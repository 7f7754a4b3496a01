import { type Clock, systemClock } from "@ashlar/core";
import { type Duration, toMilliseconds } from "../duration.ts";
import { checkedNumber } from "../option.ts";

export interface BreakerOptions {
  /** Consecutive failures that open the breaker. Default 5. */
  readonly failures?: number;
  /** How long it stays open the first time; doubles with every failed probe. Default `"5s"`. */
  readonly cooldown?: Duration;
  /** The longest it stays open. Default `"5m"`. */
  readonly maxCooldown?: Duration;
  /** Default: the system clock. */
  readonly clock?: Clock;
}

export type BreakerState = "closed" | "open" | "half-open";

/** The leave to make one call. Settle it exactly once; later settlements are ignored. */
export interface Permit {
  succeed(): void;
  fail(): void;
  /** The call said nothing about the other side: its caller went away. */
  abandon(): void;
}

export interface Breaker {
  readonly state: BreakerState;
  /** Milliseconds until the next probe is let through; 0 unless open. */
  readonly retryAfterMs: number;
  /** Whether {@link admit} would give a permit now. */
  admits(): boolean;
  /** A permit, or undefined while the breaker is open or its one probe is under way. */
  admit(): Permit | undefined;
}

/**
 * A circuit breaker on consecutive failures, with exactly one probe at a time.
 *
 * A permit belongs to the phase it was given in: a slow call that began before the breaker opened can neither close it
 * nor count as its probe. The cool-down is forgotten after the breaker has been closed for as long as it was last open.
 *
 * @param mayOpen asked before it opens; false keeps it closed, so that an owner can bound how many open at once
 * @throws OPTION_INVALID
 */
export function createBreaker(options: BreakerOptions = {}, mayOpen: () => boolean = () => true): Breaker {
  const limit = checkedNumber("breaker.failures", options.failures ?? 5, { least: 1, whole: true });
  const shortest = toMilliseconds(options.cooldown ?? "5s", "breaker.cooldown");
  const longest = Math.max(shortest, toMilliseconds(options.maxCooldown ?? "5m", "breaker.maxCooldown"));
  const clock = options.clock ?? systemClock;

  let phase = 0;
  let open = false;
  let failures = 0;
  let cooldown = shortest;
  let since = 0;
  let probing = false;

  const enter = (nowOpen: boolean): void => {
    phase += 1;
    open = nowOpen;
    failures = 0;
    probing = false;
    since = clock.monotonic();
  };
  const waited = (): number => clock.monotonic() - since;

  const onSuccess = (probe: boolean): void => {
    failures = 0;
    if (probe) enter(false);
  };
  const onFailure = (probe: boolean): void => {
    if (probe) {
      cooldown = Math.min(cooldown * 2, longest);
      enter(true);
      return;
    }
    failures += 1;
    if (failures < limit || !mayOpen()) return;
    // `phase` above 0 means that it has been open before, and was closed by a probe at `since`.
    if (phase > 0 && waited() >= cooldown) cooldown = shortest;
    else if (phase > 0) cooldown = Math.min(cooldown * 2, longest);
    enter(true);
  };

  const permit = (probe: boolean): Permit => {
    const given = phase;
    let settled = false;
    const settle = (action: () => void): void => {
      if (settled || given !== phase) return;
      settled = true;
      action();
    };
    return {
      succeed: () => settle(() => onSuccess(probe)),
      fail: () => settle(() => onFailure(probe)),
      abandon: () =>
        settle(() => {
          if (probe) probing = false;
        }),
    };
  };

  const admits = (): boolean => !open || (!probing && waited() >= cooldown);
  return {
    get state() {
      if (!open) return "closed";
      return probing || waited() >= cooldown ? "half-open" : "open";
    },
    get retryAfterMs() {
      return open ? Math.max(0, cooldown - waited()) : 0;
    },
    admits,
    admit() {
      if (!admits()) return undefined;
      if (open) probing = true;
      return permit(open);
    },
  };
}
