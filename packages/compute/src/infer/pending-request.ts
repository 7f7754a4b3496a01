import { computeError } from "../errors.ts";
import type { PreparedInputs } from "./request.ts";
import { invalidOption } from "./options.ts";
import type { Tensor, TypedTensor } from "./tensor.ts";

/** The outputs of one request, by name. */
export type Outputs = Record<string, TypedTensor>;

export interface RequestOptions {
  /** Milliseconds after which the answer is of no use any more. Default: none. */
  readonly deadlineMs?: number;
  /** Takes the request back; the promise rejects with the signal's reason. A batch that runs already is run to its end. */
  readonly signal?: AbortSignal;
  /** From 1, the most urgent, to 9. Default: the model's, which is 5. Urgent requests go first; there is no ageing. */
  readonly priority?: number;
}

/** Who waits for an answer, and may go away. */
export interface Caller {
  /** Aborted when the caller goes away. Made when it is first read. */
  readonly signal: AbortSignal | undefined;
}

/** What the package's own callers may add. */
export interface InternalRequestOptions extends RequestOptions {
  /** Asked for its signal only when the request has to wait: most run in the turn in which they came. */
  readonly caller?: Caller;
}

/** Takes the answer of a request: one of the two is called, once. Neither throws. */
export interface Receiver {
  succeed(outputs: Outputs): void;
  fail(error: Error): void;
}

/** Gives a receiver away; what it gets as a promise. */
export function answered(submit: (receiver: Receiver) => void): Promise<Outputs> {
  return new Promise((succeed, fail) => submit({ succeed, fail }));
}

/** Passes an answer on. */
export function deliver(answer: Promise<Outputs>, receiver: Receiver): void {
  answer.then(
    (outputs) => receiver.succeed(outputs),
    (error: unknown) => receiver.fail(error as Error),
  );
}

/** @throws INFERENCE_OPTION_INVALID */
export function checkRequestOptions({ priority, deadlineMs }: RequestOptions): void {
  if (priority !== undefined && (!Number.isInteger(priority) || priority < 1 || priority > 9)) {
    throw invalidOption("priority", priority, "a whole number from 1 (most urgent) to 9");
  }
  if (deadlineMs !== undefined && !(deadlineMs >= 0)) {
    throw invalidOption("deadlineMs", deadlineMs, "a number of milliseconds, 0 or more");
  }
}

/** An accepted request and who waits for its answer. It is settled once: by its answer, an error, time, or abort. */
export class PendingRequest implements PreparedInputs {
  readonly tensors: readonly Tensor[];
  readonly rows: number;
  readonly shapeKey: string;
  readonly owned: boolean;
  readonly body: ArrayBufferLike | null;
  readonly priority: number;
  /** Monotonic milliseconds. */
  readonly acceptedAt: number;
  /** True once its time in the queue was over and it lets the others go first. */
  overdue = false;
  /** Asked for its signal when the request has to wait. */
  caller: Caller | null = null;
  /** True once it has left the queue to be run. */
  taken = false;
  #settled = false;
  readonly #receiver: Receiver;
  #signal: AbortSignal | undefined;
  #onAbort: (() => void) | undefined;
  #onSettled: ((request: PendingRequest, failed: boolean) => void) | null;
  /** Ends the timers; made only when there are any. */
  #timers: AbortController | null = null;

  constructor(
    inputs: PreparedInputs,
    priority: number,
    acceptedAt: number,
    receiver: Receiver,
    onSettled: (request: PendingRequest, failed: boolean) => void,
  ) {
    this.tensors = inputs.tensors;
    this.rows = inputs.rows;
    this.shapeKey = inputs.shapeKey;
    this.owned = inputs.owned;
    this.body = inputs.body ?? null;
    this.priority = priority;
    this.acceptedAt = acceptedAt;
    this.#receiver = receiver;
    this.#onSettled = onSettled;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Ends with the request: what sleeps for it wakes. */
  get timers(): AbortSignal {
    this.#timers ??= new AbortController();
    return this.#timers.signal;
  }

  /** False when it was settled before. */
  succeed(outputs: Outputs): boolean {
    if (this.#settled) return false;
    this.#settle(false);
    this.#receiver.succeed(outputs);
    return true;
  }

  fail(error: Error): void {
    if (this.#settled) return;
    this.#settle(true);
    this.#receiver.fail(error);
  }

  /** Listens to the caller's signal; an aborted one fails the request at once. */
  follow(signal: AbortSignal): void {
    if (signal.aborted) {
      this.fail(signal.reason as Error);
      return;
    }
    this.#signal = signal;
    this.#onAbort = () => this.fail(signal.reason as Error);
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  expire(model: string, deadlineMs: number): void {
    this.fail(computeError("INFERENCE_DEADLINE_EXCEEDED", { model, deadlineMs }));
  }

  #settle(failed: boolean): void {
    this.#settled = true;
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#timers?.abort();
    this.#onSettled?.(this, failed);
    this.#onSettled = null;
  }
}
