import { featureStoreError } from "../errors.ts";

export interface SearchLimits {
  /**
   * Searches under way at once: each scans a view, and holds its nearest and a page of vectors. One that is asked for beyond
   * them waits its turn, in order. @default 4
   */
  readonly atOnce?: number;
  /** Searches that may wait; one more is refused with SEARCHES_BUSY. 0: none waits. @default 64 */
  readonly waiting?: number;
}

/** Lets so many searches be under way at once, and the next ones wait. */
export class Searches {
  readonly #atOnce: number;
  readonly #mostWaiting: number;
  readonly #waiting = new Set<() => void>();
  #underWay = 0;

  /** @throws REQUEST_INVALID for a number out of range */
  constructor({ atOnce = 4, waiting = 64 }: SearchLimits = {}) {
    for (const [name, value, least] of [
      ["atOnce", atOnce, 1],
      ["waiting", waiting, 0],
    ] as const) {
      if (Number.isSafeInteger(value) && value >= least) continue;
      const rule = `"${name}" of searches is ${value}, and must be a whole number from ${least} on`;
      throw featureStoreError("REQUEST_INVALID", { rule });
    }
    this.#atOnce = atOnce;
    this.#mostWaiting = waiting;
  }

  /**
   * Does a search when its turn has come.
   *
   * @param signal takes one that waits out of the queue, and rejects it with its reason
   * @throws SEARCHES_BUSY when too many wait
   */
  async run<Result>(view: string, signal: AbortSignal | undefined, search: () => Promise<Result>): Promise<Result> {
    signal?.throwIfAborted();
    if (this.#underWay >= this.#atOnce) await this.#turn(view, signal);
    else this.#underWay++;
    try {
      return await search();
    } finally {
      const [next] = this.#waiting;
      // The place goes from one to the next: nobody who comes in between takes it.
      if (next === undefined) this.#underWay--;
      else next();
    }
  }

  async #turn(view: string, signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.size >= this.#mostWaiting) {
      throw featureStoreError("SEARCHES_BUSY", { view, atOnce: this.#atOnce, waiting: this.#mostWaiting });
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const begin = (): void => {
      this.#waiting.delete(begin);
      resolve();
    };
    const stop = (): void => {
      this.#waiting.delete(begin);
      reject(signal?.reason as Error);
    };
    this.#waiting.add(begin);
    signal?.addEventListener("abort", stop, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }
}
