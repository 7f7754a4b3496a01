/** A model that takes turns with others. */
export interface Contender {
  /** Its share beside the others'. */
  readonly weight: number;
}

interface Waiting {
  readonly contender: Contender;
  readonly start: () => void;
}

/**
 * Shares the processor between models by start-time fair queueing: of the models that wait for a turn, the one that has
 * used the least time for its weight goes first. A model that was idle starts level with the others, so that it can
 * neither save time up nor be punished for having been alone.
 *
 * @see P. Goyal, H. Vin, H. Cheng, "Start-time Fair Queueing", SIGCOMM 1996
 */
export class FairShare {
  readonly #slots: number;
  readonly #used: WeakMap<Contender, number> = new WeakMap();
  #running = 0;
  #virtualTime = 0;
  #waiting: Waiting[] = [];

  constructor(slots: number) {
    this.#slots = slots;
  }

  /** Calls `start` when it is this contender's turn, at once when a slot is free; each start is ended by `finished`. */
  request(contender: Contender, start: () => void): void {
    if (this.#running < this.#slots) this.#start({ contender, start });
    else this.#waiting.push({ contender, start });
  }

  /** Ends a turn that took this long. */
  finished(contender: Contender, micros: number): void {
    this.#running--;
    this.#used.set(contender, this.#usedBy(contender) + micros / contender.weight);
    let next = 0;
    for (let index = 1; index < this.#waiting.length; index++) {
      const here = this.#waiting[index] as Waiting;
      const best = this.#waiting[next] as Waiting;
      if (this.#usedBy(here.contender) < this.#usedBy(best.contender)) next = index;
    }
    const [turn] = this.#waiting.splice(next, 1);
    if (turn !== undefined) this.#start(turn);
  }

  #usedBy(contender: Contender): number {
    return Math.max(this.#used.get(contender) ?? 0, this.#virtualTime);
  }

  #start({ contender, start }: Waiting): void {
    this.#running++;
    this.#virtualTime = this.#usedBy(contender);
    this.#used.set(contender, this.#virtualTime);
    start();
  }
}
