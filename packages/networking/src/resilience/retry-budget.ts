import { checkedNumber } from "../option.ts";

export interface RetryBudgetOptions {
  /** Retries allowed for each first try, 0 to 1. */
  readonly ratio: number;
  /** Retries that may be made before any first try paid for them. Default 10. */
  readonly reserve?: number;
}

export interface RetryBudget {
  /** Tells the budget of a first try, which pays for part of a retry. */
  deposit(): void;
  /** Takes one retry; false when the budget is spent. */
  withdraw(): boolean;
}

/**
 * A token bucket that bounds retries by a share of the first tries, so that a failing upstream sees at most
 * `1 + ratio` times its normal load, whatever each caller would like.
 *
 * @throws OPTION_INVALID
 */
export function retryBudget(options: RetryBudgetOptions): RetryBudget {
  const ratio = checkedNumber("retry.budget", options.ratio, { least: 0, most: 1 });
  const reserve = checkedNumber("retry.reserve", options.reserve ?? 10, { least: 0, whole: true });
  // Counted in millionths: repeated addition of 0.1 would drift.
  const unit = 1_000_000;
  const share = Math.round(ratio * unit);
  // The bucket holds what a hundred retries cost, or the reserve: a long quiet time is no licence for a storm.
  const capacity = Math.max(reserve, 100) * unit;
  let tokens = reserve * unit;

  return {
    deposit() {
      tokens = Math.min(capacity, tokens + share);
    },
    withdraw() {
      if (tokens < unit) return false;
      tokens -= unit;
      return true;
    },
  };
}
