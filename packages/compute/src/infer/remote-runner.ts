import { computeError } from "../errors.ts";
import type { BufferPool } from "./buffer-pool.ts";
import type { SenderMailbox } from "./mailbox.ts";
import type { FromRunner, RunnerStart, ToRunner } from "./messages.ts";
import type { Runner, RunResult } from "./runner.ts";
import { startError } from "./start-error.ts";
import type { NumericTensorData, Tensor } from "./tensor.ts";
import type { ThreadPool } from "./thread-pool.ts";

/** A thread or a process that runs `worker.ts`. */
export interface Remote {
  readonly kind: "worker" | "process";
  /** Of a thread. */
  readonly mailbox: SenderMailbox | null;
  post(message: ToRunner, transfer: readonly ArrayBuffer[]): void;
  onMessage(listener: (message: FromRunner) => void): void;
  /** Resolves, with the reason, when it is gone. */
  readonly exited: Promise<string>;
  /** Ends it as hard as can be, at once. */
  kill(): void;
}

/** What an instance is started by. */
export interface RunnerHost {
  /** A hostile model can take for ever to load or to warm up. */
  readonly loadTimeoutMs: number;
  /** Takes the buffers of inputs back after their run. */
  readonly buffers: BufferPool;
  readonly threads: ThreadPool;
}

/** Node takes a longer delay of a timer for 1 ms. */
const longestTimer = 2 ** 31 - 1;

interface Waiting {
  readonly resolve: (result: RunResult) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Makes an instance of a thread or process that was just started.
 *
 * @throws LIBRARY_MISSING, MODEL_INVALID, MODEL_WARMUP_FAILED, MODEL_UNAVAILABLE when it dies or hangs on the way
 */
export function startRemoteRunner(
  model: string,
  start: RunnerStart,
  remote: Remote,
  { loadTimeoutMs: timeoutMs, buffers }: Omit<RunnerHost, "threads">,
): Promise<Runner> {
  const { promise, resolve: ready, reject: refuse } = Promise.withResolvers<Runner>();
  const { promise: exited, resolve: exit } = Promise.withResolvers<string>();
  const { mailbox } = remote;
  let waiting: Waiting | null = null;
  let gone: string | null = null;
  let stopping = false;

  const lose = (reason: string): void => {
    if (gone !== null) return;
    gone = reason;
    exit(reason);
    clearTimeout(timer);
    // The end may be told of before the last answer is.
    const last = mailbox?.receive() ?? null;
    if (last !== null) waiting?.resolve(last);
    else waiting?.reject(computeError("INFERENCE_INSTANCE_CRASHED", { model, reason }));
    waiting = null;
    mailbox?.giveUp();
    refuse(computeError("MODEL_UNAVAILABLE", { model, reason: `an instance died while starting: ${reason}` }));
  };
  const abandon = (reason: string): void => {
    remote.kill();
    lose(reason);
  };
  const timer = setTimeout(() => abandon(`it was not ready after ${timeoutMs} ms`), Math.min(timeoutMs, longestTimer));
  void remote.exited.then(lose);

  const settle = (action: (request: Waiting) => void): void => {
    const request = waiting;
    waiting = null;
    if (request !== null) action(request);
  };
  const send = (inputs: readonly Tensor[]): void => {
    if (mailbox === null || !mailbox.fits(inputs)) {
      remote.post({ kind: "run", inputs }, buffersOf(inputs));
      return;
    }
    void mailbox.send(inputs).then(() => {
      // The thread of an instance that is gone may have the next model's results in its mailbox.
      const result = gone === null ? mailbox.receive() : null;
      if (result !== null) settle((request) => request.resolve(result));
    });
  };
  const run = (inputs: readonly Tensor[]): Promise<RunResult> =>
    new Promise((resolve, reject) => {
      if (gone !== null || stopping) {
        reject(computeError("INFERENCE_INSTANCE_CRASHED", { model, reason: gone ?? "it is being stopped" }));
        return;
      }
      waiting = { resolve, reject };
      send(inputs);
    });
  const copies = (inputs: readonly Tensor[]): boolean => mailbox === null || mailbox.fits(inputs);

  remote.onMessage((message) => {
    switch (message.kind) {
      case "ready": {
        clearTimeout(timer);
        const { signature, cost } = message;
        mailbox?.open(signature);
        const stop = async (): Promise<void> => {
          if (gone === null && !stopping) remote.post({ kind: "stop" }, []);
          stopping = true;
          await exited;
        };
        ready({ kind: remote.kind, signature, cost, exited, copies, run, stop, abandon });
        break;
      }
      case "failed":
        refuse(startError(model, message, start.runtime));
        remote.kill();
        break;
      case "result":
        for (const buffer of message.spent) buffers.give(buffer);
        settle((request) => request.resolve(message));
        break;
      case "stopped":
        break;
      case "error":
        settle((request) => request.reject(computeError("INFERENCE_FAILED", { model, reason: message.reason })));
        break;
    }
  });
  return promise;
}

function buffersOf(tensors: readonly Tensor[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { data } of tensors) {
    if (ArrayBuffer.isView(data)) buffers.add((data as NumericTensorData).buffer as ArrayBuffer);
  }
  return [...buffers];
}
