import { type Clock, systemClock } from "@ashlar/core";
import type { Duration } from "../duration.ts";
import { checkedNumber } from "../option.ts";
import { type Breaker, createBreaker } from "../resilience/breaker.ts";

export interface OutlierOptions {
  /** Consecutive failures that eject an upstream. Default 5. */
  readonly failures?: number;
  /** How long the first ejection lasts; doubles with every failed probe. Default `"5s"`. */
  readonly ejection?: Duration;
  /** The longest ejection. Default `"5m"`. */
  readonly maxEjection?: Duration;
  /** Share of upstreams that may be ejected at once, 0 to 100; of two or more, one always may. Default 50. */
  readonly maxEjectionPercent?: number;
}

/**
 * Passive outlier ejection over a set of upstreams, after Envoy's "outlier detection": one breaker for each, and a bound
 * on how many may be open at once, so that a fault of the callers cannot empty the pool.
 *
 * @throws OPTION_INVALID
 */
export function outlierEjection(count: number, options: OutlierOptions = {}, clock: Clock = systemClock): Breaker[] {
  const percent = checkedNumber("outlier.maxEjectionPercent", options.maxEjectionPercent ?? 50, {
    least: 0,
    most: 100,
  });
  const share = Math.floor((count * percent) / 100);
  const most = percent > 0 && count > 1 ? Math.max(1, share) : share;
  const breakers: Breaker[] = [];
  const mayEject = (): boolean => breakers.filter((breaker) => breaker.state !== "closed").length < most;
  const breakerOptions = {
    failures: options.failures ?? 5,
    cooldown: options.ejection ?? "5s",
    maxCooldown: options.maxEjection ?? "5m",
    clock,
  } as const;
  for (let index = 0; index < count; index += 1) breakers.push(createBreaker(breakerOptions, mayEject));
  return breakers;
}
