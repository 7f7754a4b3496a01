/** How long is looked at most, in milliseconds: about as long as a thread that sleeps takes to wake. */
const limitMs = 0.06;

/** Beside a longer run the time to wake is small. */
const longestRunMs = 0.25;

/** After a wait that was shorter than this looking may find what comes next. */
const denseMs = 0.2;

/** Waits without a look after the first look in vain; twice as many after each further one, up to the limit. */
const pauses = { first: 4, limit: 256 } as const;

/**
 * A thread's wait for what comes next. A core that sleeps is woken by an interrupt, which in a virtual machine takes
 * longer than a short run. So while one run follows closely on another the thread looks for some tens of microseconds
 * before it sleeps, and ever more rarely when it finds nothing.
 */
export class ShortWait {
  readonly #now: () => number;
  #dense = false;
  #skip = 0;
  #pause: number = pauses.first;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Looks whether it `hasCome`, as long as that pays after a run of so many milliseconds, then sleeps. */
  wait(runMs: number, hasCome: () => boolean, sleep: () => void): void {
    const began = this.#now();
    if (this.#looks(runMs) && this.#find(began, hasCome)) return;
    sleep();
    this.#dense = this.#now() - began < denseMs;
  }

  #looks(runMs: number): boolean {
    if (!this.#dense || runMs > longestRunMs) return false;
    if (this.#skip === 0) return true;
    this.#skip--;
    return false;
  }

  #find(began: number, hasCome: () => boolean): boolean {
    do {
      if (!hasCome()) continue;
      this.#pause = pauses.first;
      return true;
    } while (this.#now() - began < limitMs);
    this.#skip = this.#pause;
    this.#pause = Math.min(2 * this.#pause, pauses.limit);
    return false;
  }
}
