import type { NumberAccumulator } from "./accumulator.ts";
import { between } from "./between.ts";
import type { Measure } from "./measure.ts";

/** The values of each key in order, and where each row's value stands among those of its key. */
export interface Ranks {
  /** Per key, from its first row of the timeline on: its values that are not null, ascending, NaN last. */
  readonly sorted: Float64Array;
  /** The first place of an equal value, counted from the key's first row; of no meaning for a null. */
  readonly rank: Uint32Array;
  readonly valid: Uint8Array | undefined;
}

/** @param starts rows of key `k` are `[starts[k], starts[k + 1])` */
export function rankWithinKeys({ values, valid }: Measure, starts: Uint32Array): Ranks {
  const sorted = new Float64Array(values.length);
  const rank = new Uint32Array(values.length);
  for (let key = 0; key + 1 < starts.length; key++) {
    const start = starts[key] as number;
    const end = starts[key + 1] as number;
    let count = 0;
    // Adding 0 makes -0 and 0 one value.
    for (let row = start; row < end; row++)
      if (valid?.[row] !== 0) sorted[start + count++] = (values[row] as number) + 0;
    const part = sorted.subarray(start, start + count).sort();
    for (let row = start; row < end; row++) if (valid?.[row] !== 0) rank[row] = place(part, values[row] as number);
  }
  return { sorted, rank, valid };
}

/** The first index of `value`, which is there. */
function place(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length - 1;
  const wanted = Number.isNaN(value);
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = sorted[middle] as number;
    if (wanted ? !Number.isNaN(found) : found < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * An exact quantile of a window: a tree of counts over the ranks of the key's values, so that a row enters or leaves, and
 * the k-th value is found, in the logarithm of the key's rows.
 *
 * Source: Fenwick, "A new data structure for cumulative frequency tables" (1994).
 */
export class Quantile implements NumberAccumulator {
  size = 0;
  readonly #ranks: Ranks;
  readonly #q: number;
  readonly #isBetween: boolean;
  #tree = new Uint32Array(0);
  #length = 1;
  #start = 0;
  #top = 0;

  /** @param isBetween whether to interpolate linearly between the closest ranks, or to take the lower */
  constructor(ranks: Ranks, q: number, isBetween: boolean) {
    this.#ranks = ranks;
    this.#q = q;
    this.#isBetween = isBetween;
  }
  reset(start: number, end: number): void {
    this.size = 0;
    this.#start = start;
    this.#length = end - start + 1;
    if (this.#tree.length < this.#length) this.#tree = new Uint32Array(this.#length);
    else this.#tree.fill(0, 0, this.#length);
    this.#top = 2 ** Math.floor(Math.log2(Math.max(1, end - start)));
  }
  add(row: number): void {
    this.#count(row, 1);
  }
  remove(row: number): void {
    this.#count(row, -1);
  }
  get value(): number {
    const at = this.#q * (this.size - 1);
    const below = Math.floor(at);
    const low = this.#nth(below);
    const part = at - below;
    if (part === 0 || !this.#isBetween) return low;
    const high = this.#nth(below + 1);
    return between(low, high, part);
  }
  get integer(): bigint {
    return BigInt(Math.round(this.value));
  }
  #count(row: number, by: 1 | -1): void {
    if (this.#ranks.valid?.[row] === 0) return;
    this.size += by;
    const tree = this.#tree;
    for (let at = (this.#ranks.rank[row] as number) + 1; at < this.#length; at += at & -at) {
      tree[at] = (tree[at] as number) + by;
    }
  }
  /** The value that `n` others of the window stand before. */
  #nth(n: number): number {
    let at = 0;
    let left = n;
    for (let step = this.#top; step > 0; step >>>= 1) {
      const next = at + step;
      const count = next < this.#length ? (this.#tree[next] as number) : Infinity;
      if (count > left) continue;
      at = next;
      left -= count;
    }
    return this.#ranks.sorted[this.#start + at] as number;
  }
}
