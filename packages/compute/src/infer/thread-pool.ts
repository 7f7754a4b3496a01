import type { RunnerStart } from "./messages.ts";
import type { Remote } from "./remote-runner.ts";
import { Thread } from "./thread.ts";

/** Threads without a model that wait for the next one. */
const keptThreads = 1;

/** How long they wait. */
const keepMs = 30_000;

/** For how long the end of the process waits for the runs of all threads. */
const exitMs = 10_000;

/** All threads of this process, whichever server they are of: one wait and one listener for all. */
const living = new Set<Thread>();

function onExit(): void {
  const latest = performance.now() + exitMs;
  for (const thread of living) thread.waitUntilIdle(Math.max(0, latest - performance.now()));
}

function begin(start: RunnerStart): Thread {
  const thread = new Thread(start);
  if (living.size === 0) process.on("exit", onExit);
  living.add(thread);
  void thread.ended.then(() => {
    living.delete(thread);
    if (living.size === 0) process.off("exit", onExit);
  });
  return thread;
}

/**
 * Threads that models run in. When a model ends, its thread waits for the next one for a while: versions that follow one
 * another share threads, which spares the start of more and the import of the runtime. What a thread has freed stays
 * with its arena of the C library, so that each further thread would cost memory for good.
 */
export class ThreadPool {
  /** Those that came last are the last. */
  #idle: Thread[] = [];
  readonly #timers: Map<Thread, NodeJS.Timeout> = new Map();
  readonly #ending: Set<Promise<void>> = new Set();
  #closed = false;

  /** A thread that opens a session; it is this model's own until that ends. */
  start(start: RunnerStart): Remote {
    const thread = this.#takeIdle(start) ?? begin(start);
    return thread.serve(start, () => this.#keep(thread));
  }

  /** Ends the threads without a model, and each of the others when its model ends. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const thread of this.#idle) this.#end(thread);
    await Promise.all(this.#ending);
  }

  #takeIdle(start: RunnerStart): Thread | undefined {
    const thread = this.#idle.findLast((idle) => idle.suits(start));
    if (thread !== undefined) this.#forget(thread);
    return thread;
  }

  #keep(thread: Thread): void {
    this.#idle.push(thread);
    this.#timers.set(thread, setTimeout(() => this.#end(thread), keepMs).unref());
    const [oldest] = this.#idle;
    if (this.#closed) this.#end(thread);
    else if (oldest !== undefined && this.#idle.length > keptThreads) this.#end(oldest);
  }

  #end(thread: Thread): void {
    this.#forget(thread);
    const ending = thread.end().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }

  #forget(thread: Thread): void {
    this.#idle = this.#idle.filter((idle) => idle !== thread);
    clearTimeout(this.#timers.get(thread));
    this.#timers.delete(thread);
  }
}
