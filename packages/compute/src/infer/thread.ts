import type { Worker } from "node:worker_threads";

import { startThread } from "../start-thread.ts";
import { SenderMailbox } from "./mailbox.ts";
import type { FromRunner, RunnerStart, ToRunner } from "./messages.ts";
import type { Remote } from "./remote-runner.ts";

const entry = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/** A run leaves little garbage, and V8 would let the space for it grow to three times 16 MB in each thread. */
const youngMb = 6;

/** The model that a thread serves at present. */
interface Lease {
  listener: ((message: FromRunner) => void) | null;
  readonly exit: (reason: string) => void;
  readonly onStopped: () => void;
}

/** A thread that serves one model after another; while it serves none it does not hold up the end of the process. */
export class Thread {
  readonly #maxHeapMb: number | null;
  readonly #runtime: string;
  readonly #mailbox: SenderMailbox = new SenderMailbox();
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  #lease: Lease | null = null;
  #gone = false;
  /** It ends as soon as it can, and serves no other model. */
  #condemned = false;

  constructor({ maxHeapMb, runtime }: RunnerStart) {
    this.#maxHeapMb = maxHeapMb;
    this.#runtime = runtime;
    const heap = maxHeapMb === null ? {} : { maxOldGenerationSizeMb: maxHeapMb };
    const resourceLimits = { maxYoungGenerationSizeMb: youngMb, ...heap };
    this.#worker = startThread(entry, { workerData: this.#mailbox.memory, name: "inference", resourceLimits });
    let crash: string | null = null;
    this.#worker.on("error", (error) => {
      crash = error instanceof Error ? error.message : String(error);
    });
    this.#worker.on("message", (message: FromRunner) => this.#receive(message));
    this.#ended = new Promise((resolve) => {
      this.#worker.on("exit", (code) => {
        this.#gone = true;
        this.#lease?.exit(crash ?? `the thread ended with code ${code}`);
        resolve();
      });
    });
  }

  /** Whether it could serve this model next: it is there, with the same limit and the same runtime. */
  suits({ maxHeapMb, runtime }: RunnerStart): boolean {
    return !this.#gone && this.#maxHeapMb === maxHeapMb && this.#runtime === runtime;
  }

  /** Opens a session; `onStopped` is called when that has ended in good order and the thread is free again. */
  serve(start: RunnerStart, onStopped: () => void): Remote {
    const { promise: exited, resolve: exit } = Promise.withResolvers<string>();
    const lease: Lease = { listener: null, exit, onStopped };
    this.#lease = lease;
    this.#worker.ref();
    this.#give({ kind: "start", start }, []);
    return {
      kind: "worker",
      mailbox: this.#mailbox,
      exited,
      post: (message, transfer) => {
        if (message.kind === "run") this.#give(message, transfer);
        else this.#post(message, transfer);
      },
      onMessage: (listener) => {
        lease.listener = listener;
      },
      kill: () => {
        if (this.#lease === lease) this.#giveUp();
      },
    };
  }

  /** Resolves when the thread is gone. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /**
   * Blocks this thread until the other is in no run, for so many milliseconds at most: native code that comes back to a
   * thread which ends with its process aborts that.
   */
  waitUntilIdle(milliseconds: number): void {
    if (!this.#gone && !isInterruptible(this.#runtime)) this.#mailbox.waitUntilIdle(milliseconds);
  }

  /** Ends a thread that serves no model. */
  async end(): Promise<void> {
    if (this.#gone) return;
    this.#worker.ref();
    this.#post({ kind: "end" }, []);
    await this.#ended;
  }

  /** Ends the thread, behind the run that it may be in. */
  #giveUp(): void {
    if (this.#condemned) return;
    this.#condemned = true;
    this.#worker.unref();
    if (isInterruptible(this.#runtime)) {
      void this.#worker.terminate();
      return;
    }
    this.#post({ kind: "stop" }, []);
    this.#post({ kind: "end" }, []);
  }

  /** Posts what keeps the thread busy; throws when a buffer of it is gone. */
  #give(message: ToRunner, transfer: readonly ArrayBuffer[]): void {
    this.#mailbox.occupy();
    try {
      this.#post(message, transfer);
    } catch (error) {
      this.#mailbox.rest();
      throw error;
    }
  }

  #post(message: ToRunner, transfer: readonly ArrayBuffer[]): void {
    this.#worker.postMessage(message, transfer);
    this.#mailbox.ring();
  }

  #receive(message: FromRunner): void {
    const lease = this.#lease;
    if (message.kind !== "stopped") {
      lease?.listener?.(message);
      return;
    }
    this.#lease = null;
    this.#worker.unref();
    lease?.exit("it was stopped");
    if (!this.#condemned) lease?.onStopped();
  }
}

/**
 * Whether a thread may be terminated in the middle of a run. Native code goes on to the end of the run, and what it gives back
 * to a thread that is being terminated is an error that ends the whole process; WebAssembly stops at once.
 */
function isInterruptible(runtime: string): boolean {
  return runtime.includes("onnxruntime-web");
}
