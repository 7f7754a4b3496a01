import { keyId } from "../online/port.ts";

/** What was found: its score, and the key that settles ties. */
export interface Scored {
  readonly key: Uint8Array;
  readonly score: number;
}

/** The best few of many, in order; of equal scores the lesser key is first. */
export class Best<Item extends Scored> {
  readonly #most: number;
  readonly #sign: number;
  readonly #items: Item[] = [];
  readonly #ids = new Set<string>();

  /** @param most how many are kept @param less true when a lesser score is better */
  constructor(most: number, less: boolean) {
    this.#most = most;
    this.#sign = less ? 1 : -1;
  }

  /** Whether one of that score may be kept: its key may still decide. */
  mayTake(score: number): boolean {
    const last = this.#items[this.#most - 1];
    return last === undefined || (score - last.score) * this.#sign <= 0;
  }

  /** Whether one of that score and key would be kept. */
  takes(scored: Scored): boolean {
    const last = this.#items[this.#most - 1];
    return last === undefined || this.#compare(scored, last) < 0;
  }

  /** Keeps it if it is among the best. One of the same key that was offered before gives way to it. */
  offer(item: Item): void {
    const id = keyId(item.key);
    if (this.#ids.has(id)) this.#remove(id);
    if (!this.takes(item)) return;
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(this.#items[middle] as Item, item) < 0) low = middle + 1;
      else high = middle;
    }
    this.#items.splice(low, 0, item);
    this.#ids.add(id);
    if (this.#items.length > this.#most) this.#ids.delete(keyId((this.#items.pop() as Item).key));
  }

  get items(): readonly Item[] {
    return this.#items;
  }

  #compare(a: Scored, b: Scored): number {
    if (a.score !== b.score) return (a.score - b.score) * this.#sign;
    return Buffer.compare(a.key, b.key);
  }

  #remove(id: string): void {
    this.#ids.delete(id);
    this.#items.splice(
      this.#items.findIndex(({ key }) => keyId(key) === id),
      1,
    );
  }
}
