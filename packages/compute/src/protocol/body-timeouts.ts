/** Something that is given up when its time is over. The fields belong to `BodyTimeouts`. */
export interface Timed {
  /** Monotonic milliseconds. */
  dueAt: number;
  before: Timed | null;
  after: Timed | null;
  onTimeout(): void;
}

/**
 * One timer for all bodies under way. They have the same time to arrive, so the oldest is the first that is late, and
 * a body that arrives at once, as nearly all do, costs no timer and no memory of its own.
 */
export class BodyTimeouts {
  readonly milliseconds: number;
  #oldest: Timed | null = null;
  #newest: Timed | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(milliseconds: number) {
    this.milliseconds = milliseconds;
  }

  start(timed: Timed): void {
    timed.dueAt = performance.now() + this.milliseconds;
    timed.before = this.#newest;
    if (this.#newest === null) this.#oldest = timed;
    else this.#newest.after = timed;
    this.#newest = timed;
    if (this.#timer === null) this.#wakeIn(this.milliseconds);
  }

  /** To be called once for each that was started and not given up. */
  stop(timed: Timed): void {
    const { before, after } = timed;
    if (before === null) this.#oldest = after;
    else before.after = after;
    if (after === null) this.#newest = before;
    else after.before = before;
    timed.before = null;
    timed.after = null;
  }

  #wakeIn(milliseconds: number): void {
    // What a body comes through keeps the process alive.
    this.#timer = setTimeout(this.#onTimer, Math.min(milliseconds, 2 ** 31 - 1)).unref();
  }

  readonly #onTimer = (): void => {
    this.#timer = null;
    const now = performance.now();
    for (let oldest = this.#oldest; oldest !== null; oldest = this.#oldest) {
      if (oldest.dueAt > now) {
        this.#wakeIn(Math.max(1, oldest.dueAt - now));
        return;
      }
      this.stop(oldest);
      oldest.onTimeout();
    }
  };
}
