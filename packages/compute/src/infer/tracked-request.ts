import type { Clock } from "@ashlar/core";

import { computeError } from "../errors.ts";
import { invalidOption } from "./options.ts";
import type { Queued } from "./queue.ts";
import type { PreparedInputs } from "./request.ts";
import type { TypedTensor } from "./tensor.ts";

export interface RequestOptions {
  /** Milliseconds after which the answer is of no use any more. Default: none. */
  readonly deadlineMs?: number;
  /** Takes the request back; the promise rejects with the signal's reason. A batch that runs already is run to its end. */
  readonly signal?: AbortSignal;
  /** From 1, the most urgent, to 9. Default 5. Urgent requests go first; there is no ageing. */
  readonly priority?: number;
}

/** An accepted request with the promise of its answer. It is settled once: by its answer, an error, time, or abort. */
export interface TrackedRequest extends Queued {
  /** Monotonic milliseconds. */
  readonly acceptedAt: number;
  readonly settled: boolean;
  /** False when it was settled before. */
  succeed(outputs: Record<string, TypedTensor>): boolean;
  fail(error: Error): void;
}

export interface Tracked {
  readonly request: TrackedRequest;
  readonly answer: Promise<Record<string, TypedTensor>>;
  /** Starts the deadline and listens to the signal; call it once the request is queued. */
  readonly arm: () => void;
}

/**
 * Turns a checked request into one that can be queued; `failed` is called once when it ends in any way but an answer.
 *
 * @throws INFERENCE_OPTION_INVALID
 */
export function track(
  inputs: PreparedInputs,
  options: RequestOptions,
  context: { readonly model: string; readonly clock: Clock; readonly failed: () => void },
): Tracked {
  const { deadlineMs, signal, priority = 5 } = options;
  if (!Number.isInteger(priority) || priority < 1 || priority > 9) {
    throw invalidOption("priority", priority, "a whole number from 1 (most urgent) to 9");
  }
  if (deadlineMs !== undefined && !(deadlineMs >= 0)) {
    throw invalidOption("deadlineMs", deadlineMs, "a number of milliseconds, 0 or more");
  }

  const { promise, resolve, reject } = Promise.withResolvers<Record<string, TypedTensor>>();
  const timer = new AbortController();
  const onAbort = (): void => {
    settle(() => reject(signal?.reason as Error), true);
  };
  let settled = false;

  const settle = (action: () => void, failure: boolean): boolean => {
    if (settled) return false;
    settled = true;
    signal?.removeEventListener("abort", onAbort);
    if (deadlineMs !== undefined) timer.abort();
    action();
    if (failure) context.failed();
    return true;
  };

  const request: TrackedRequest = {
    ...inputs,
    priority,
    acceptedAt: context.clock.monotonic(),
    get settled() {
      return settled;
    },
    succeed: (outputs) => settle(() => resolve(outputs), false),
    fail(error) {
      settle(() => reject(error), true);
    },
  };

  const arm = (): void => {
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
    if (deadlineMs === undefined || settled) return;
    const expire = (): void =>
      request.fail(computeError("INFERENCE_DEADLINE_EXCEEDED", { model: context.model, deadlineMs }));
    if (deadlineMs === 0) expire();
    else context.clock.sleep(deadlineMs, { signal: timer.signal }).then(expire, () => {});
  };
  return { request, answer: promise, arm };
}
