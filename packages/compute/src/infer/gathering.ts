/** What waits to be run. */
interface Waiting {
  readonly size: number;
  readonly rows: number;
}

/** Turns of the event loop, of some ten microseconds each, that a batch is given. */
const mostTurns = 4;

/**
 * Lets a batch that is run inline grow for another turn of the event loop when the last one brought more for it: the loop
 * has to read those anyway, and a request costs less the more of them are run together.
 */
export class Gathering {
  #size = 0;
  #turns = 0;

  /** Whether to wait for another turn. Whoever gets `false` makes the batch, and the next one starts anew. */
  goesOn({ size, rows }: Waiting, maxRows: number): boolean {
    if (size > this.#size && rows < maxRows && this.#turns < mostTurns) {
      this.#size = size;
      this.#turns++;
      return true;
    }
    this.#size = 0;
    this.#turns = 0;
    return false;
  }
}
