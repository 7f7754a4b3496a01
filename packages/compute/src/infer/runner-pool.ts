import type { Clock, Logger } from "@ashlar/core";

import type { ExecutionKind, Runner } from "./runner.ts";

/** How often a dead instance is started again before it is given up, and the first pause between attempts. */
const restart = { attempts: 5, firstPauseMs: 50 } as const;

export interface RunnerPoolInit {
  /** For the log. */
  readonly fields: { readonly model: string; readonly version: string };
  readonly runners: readonly Runner[];
  readonly spawn: (kind: ExecutionKind) => Promise<Runner>;
  /** An instance is free that was not before. */
  readonly onIdle: () => void;
  /** The last instance died and none could be started. */
  readonly onLost: () => void;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** The instances of one model version: which are free, and new ones in place of those that die. */
export class RunnerPool {
  readonly #init: RunnerPoolInit;
  readonly #runners: Set<Runner>;
  readonly #idle: Runner[];
  readonly #ending: AbortController = new AbortController();
  #kind: ExecutionKind;
  #starting = 0;
  #moving = false;

  constructor(init: RunnerPoolInit) {
    this.#init = init;
    this.#runners = new Set(init.runners);
    this.#idle = [...init.runners];
    this.#kind = init.runners[0]?.kind ?? "worker";
    for (const runner of init.runners) this.#watch(runner);
  }

  get size(): number {
    return this.#runners.size;
  }

  get idle(): number {
    return this.#idle.length;
  }

  get kind(): ExecutionKind {
    return this.#kind;
  }

  /** True when no instance is left and none is being started. */
  get lost(): boolean {
    return this.#runners.size === 0 && this.#starting === 0;
  }

  take(): Runner | undefined {
    return this.#idle.pop();
  }

  /** Gives an instance back after its run. */
  release(runner: Runner): void {
    if (!this.#runners.has(runner)) return;
    if (runner.kind !== this.#kind) {
      this.#retire(runner);
      return;
    }
    this.#idle.push(runner);
    this.#init.onIdle();
  }

  /** Moves the model elsewhere: the instances of the other kind are ready before the present ones go. */
  async move(kind: ExecutionKind): Promise<void> {
    const { spawn, logger, fields } = this.#init;
    if (kind === this.#kind || this.#moving) return;
    this.#moving = true;
    const started = await Promise.allSettled(Array.from({ length: this.#runners.size }, () => spawn(kind)));
    this.#moving = false;
    const runners = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    if (runners.length === 0 || this.#ending.signal.aborted) {
      logger.error({ ...fields, kind }, "a model could not be moved");
      await Promise.all(runners.map((runner) => runner.stop()));
      return;
    }
    this.#kind = kind;
    for (const runner of runners) this.#add(runner);
    const stale = this.#idle.filter((runner) => runner.kind !== kind);
    for (const runner of stale) {
      this.#idle.splice(this.#idle.indexOf(runner), 1);
      this.#retire(runner);
    }
  }

  /** Ends every instance after what it is running. */
  async end(): Promise<void> {
    this.#ending.abort();
    await Promise.all([...this.#runners].map((runner) => runner.stop()));
  }

  #retire(runner: Runner): void {
    this.#runners.delete(runner);
    void runner.stop();
  }

  #add(runner: Runner): void {
    this.#runners.add(runner);
    this.#idle.push(runner);
    this.#watch(runner);
    this.#init.onIdle();
  }

  #watch(runner: Runner): void {
    void runner.exited.then((reason) => {
      const known = this.#runners.delete(runner);
      const index = this.#idle.indexOf(runner);
      if (index >= 0) this.#idle.splice(index, 1);
      if (known && !this.#ending.signal.aborted) void this.#replace(reason);
    });
  }

  /** Starts an instance in place of a dead one; given up after a few attempts, each after a longer pause. */
  async #replace(reason: string): Promise<void> {
    const { spawn, logger, clock, fields, onLost } = this.#init;
    logger.error({ ...fields, reason }, "an inference instance died and is replaced");
    this.#starting++;
    try {
      for (let attempt = 1; attempt <= restart.attempts; attempt++) {
        const runner = await spawn(this.#kind).catch((error: unknown) => {
          logger.error({ ...fields, attempt, error }, "an inference instance could not be started");
          return null;
        });
        if (this.#ending.signal.aborted) {
          await runner?.stop();
          return;
        }
        if (runner !== null) {
          this.#add(runner);
          return;
        }
        await clock.sleep(restart.firstPauseMs * 2 ** attempt, { signal: this.#ending.signal }).catch(() => {});
      }
    } finally {
      this.#starting--;
      if (this.lost) onLost();
    }
  }
}
