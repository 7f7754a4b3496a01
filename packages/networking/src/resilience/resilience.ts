import { type Clock, isAshlarError, systemClock } from "@ashlar/core";
import { type Duration, toMilliseconds } from "../duration.ts";
import { networkingError } from "../errors.ts";
import { checkedNumber } from "../option.ts";
import { type Breaker, type BreakerOptions, createBreaker, type Permit } from "./breaker.ts";
import { type Deadline, startDeadline, startTimer } from "./deadline.ts";
import { type RetryBudget, retryBudget } from "./retry-budget.ts";

export interface RetryOptions {
  /** Retries allowed for each first call, 0 to 1, over all calls of the wrapper. */
  readonly budget: number;
  /** Tries of one call, the first included. Default 3. */
  readonly attempts?: number;
  /** The mean of the first wait; doubles with each, with full jitter. Default `"50ms"`. */
  readonly backoff?: Duration;
  /** Retries the wrapper may make before calls have paid for them. Default 10. */
  readonly reserve?: number;
  /** Whether the call may be made again. Default: yes, unless the error is an Ashlar error that is not retryable. */
  readonly retryable?: (error: unknown) => boolean;
}

export interface ResilienceOptions {
  /** Time for the whole call, its retries and the waits between them included. Default: none. */
  readonly deadline?: Duration;
  /** Default: no retry. */
  readonly retry?: RetryOptions;
  /** `true` takes the defaults of {@link BreakerOptions}. Default: none. */
  readonly breaker?: boolean | BreakerOptions;
  /** Default: the system clock. */
  readonly clock?: Clock;
  /** Uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

export interface CallOptions {
  /** Ends the call with the signal's reason. */
  readonly signal?: AbortSignal;
  /** What is left of a caller's own deadline, in milliseconds; the shorter one counts. */
  readonly remainingMs?: number;
}

export interface AttemptContext {
  /** 1 for the first try. */
  readonly attempt: number;
  /** Milliseconds left of the call; Infinity without a deadline. Send it on in `x-request-deadline-ms`. */
  remainingMs(): number;
}

/** Makes a call under the policy. The signal must reach whatever the operation waits for. */
export type Resilient = <T>(
  operation: (signal: AbortSignal, context: AttemptContext) => Promise<T>,
  options?: CallOptions,
) => Promise<T>;

/**
 * Wraps any asynchronous operation in one deadline, retries drawn from one budget, and a breaker. Keep one wrapper for
 * each dependency: the budget and the breaker are shared by its calls.
 *
 * The result rejects with DEADLINE_EXCEEDED in time even when the operation ignores its signal.
 *
 * @throws OPTION_INVALID
 */
export function resilience(options: ResilienceOptions): Resilient {
  const policy = compile(options);
  return async (operation, { signal, remainingMs = Infinity } = {}) => {
    signal?.throwIfAborted();
    const budgetMs = Math.min(policy.deadlineMs, remainingMs);
    if (budgetMs <= 0) throw networkingError("DEADLINE_EXCEEDED", { budgetMs: 0 });
    const deadline = startDeadline(budgetMs, policy.clock);
    const scope = new AbortController();
    const onAbort = (): void => scope.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const cancel = Number.isFinite(budgetMs)
      ? startTimer(policy.clock, budgetMs, () => scope.abort(networkingError("DEADLINE_EXCEEDED", { budgetMs })))
      : undefined;
    try {
      return await attempts(policy, operation, scope.signal, deadline);
    } finally {
      cancel?.();
      signal?.removeEventListener("abort", onAbort);
    }
  };
}

interface Policy {
  readonly deadlineMs: number;
  readonly attempts: number;
  readonly backoffMs: number;
  readonly budget: RetryBudget | undefined;
  readonly retryable: (error: unknown) => boolean;
  readonly breaker: Breaker | undefined;
  readonly clock: Clock;
  readonly random: () => number;
}

function compile({ deadline, retry, breaker, clock = systemClock, random = Math.random }: ResilienceOptions): Policy {
  const breakerOptions = typeof breaker === "object" ? breaker : {};
  return {
    deadlineMs: deadline === undefined ? Infinity : toMilliseconds(deadline, "deadline"),
    attempts: retry ? checkedNumber("retry.attempts", retry.attempts ?? 3, { least: 1, whole: true }) : 1,
    backoffMs: toMilliseconds(retry?.backoff ?? "50ms", "retry.backoff"),
    budget:
      retry && retryBudget({ ratio: retry.budget, ...(retry.reserve === undefined ? {} : { reserve: retry.reserve }) }),
    retryable: retry?.retryable ?? ((error) => !isAshlarError(error) || error.retryable),
    breaker: breaker ? createBreaker({ clock, ...breakerOptions }) : undefined,
    clock,
    random,
  };
}

async function attempts<T>(
  policy: Policy,
  operation: (signal: AbortSignal, context: AttemptContext) => Promise<T>,
  signal: AbortSignal,
  deadline: Deadline,
): Promise<T> {
  policy.budget?.deposit();
  for (let attempt = 1; ; attempt += 1) {
    const permit = policy.breaker?.admit();
    if (policy.breaker && !permit) {
      throw networkingError("BREAKER_OPEN", { retryAfterMs: policy.breaker.retryAfterMs });
    }
    try {
      const result = await unlessAborted(signal, () =>
        operation(signal, { attempt, remainingMs: deadline.remainingMs }),
      );
      permit?.succeed();
      return result;
    } catch (error) {
      settleFailure(permit, signal);
      const wait = policy.random() * policy.backoffMs * 2 ** attempt;
      // A wait that ends past the deadline would only delay the error.
      const worthIt = attempt < policy.attempts && policy.retryable(error) && wait < deadline.remainingMs();
      if (signal.aborted || !worthIt || !policy.budget?.withdraw()) throw error;
      await policy.clock.sleep(wait, { signal });
    }
  }
}

/** A caller that went away says nothing about the other side; a passed deadline does. */
function settleFailure(permit: Permit | undefined, signal: AbortSignal): void {
  if (signal.aborted && !isAshlarError(signal.reason, "DEADLINE_EXCEEDED")) permit?.abandon();
  else permit?.fail();
}

async function unlessAborted<T>(signal: AbortSignal, operation: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([operation(), aborted]);
  } finally {
    if (onAbort) signal.removeEventListener("abort", onAbort);
  }
}
