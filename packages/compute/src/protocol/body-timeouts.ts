/** Something that is given up when its time is over. */
export interface Timed {
  /** Set by `BodyTimeouts`: the monotonic milliseconds at which it is given up. */
  dueAt: number;
  onTimeout(): void;
}

/**
 * One timer for all bodies under way. They have the same time to arrive, so the oldest is the first that is late, and
 * a body that arrives at once, as nearly all do, costs no timer of its own.
 */
export class BodyTimeouts {
  readonly milliseconds: number;
  /** In the order in which they are due. */
  readonly #open: Set<Timed> = new Set();
  #timer: NodeJS.Timeout | null = null;

  constructor(milliseconds: number) {
    this.milliseconds = milliseconds;
  }

  start(timed: Timed): void {
    timed.dueAt = performance.now() + this.milliseconds;
    this.#open.add(timed);
    if (this.#timer === null) this.#timer = this.#wakeIn(this.milliseconds);
  }

  stop(timed: Timed): void {
    this.#open.delete(timed);
  }

  #wakeIn(milliseconds: number): NodeJS.Timeout {
    // A body under way keeps the process alive by its socket.
    return setTimeout(this.#onTimer, Math.min(milliseconds, 2 ** 31 - 1)).unref();
  }

  readonly #onTimer = (): void => {
    this.#timer = null;
    const now = performance.now();
    for (const timed of this.#open) {
      if (timed.dueAt > now) {
        this.#timer = this.#wakeIn(Math.max(1, timed.dueAt - now));
        return;
      }
      this.#open.delete(timed);
      timed.onTimeout();
    }
  };
}
