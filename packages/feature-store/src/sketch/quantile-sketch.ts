import { sketchCorrupt } from "./corrupt.ts";
import { bucketOf, valueOfBucket } from "./log-buckets.ts";

const version = 1;

/**
 * The quantiles of numbers to a relative error, from how many of them are in each bucket. Sketches of as many bits merge, in
 * any order to the same bits: counts are added, and nothing is collapsed.
 *
 * In bytes: the version (1), the bits, and each bucket in ascending order, as its distance from the one before (the first
 * from 0, zigzag) and its count, each a LEB128 integer.
 *
 * Source: Masson, Rim, Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error guarantees" (2019),
 * with the exponent and first bits of the mantissa in place of the logarithm, as HdrHistogram has them.
 */
export class QuantileSketch {
  readonly bits: number;
  size = 0;
  readonly #counts = new Map<number, number>();

  /** @param bits from 1 to 12, of {@link bucketBits} */
  constructor(bits: number) {
    this.bits = bits;
  }

  add(value: number): void {
    this.#count(bucketOf(value, this.bits), 1);
  }

  #count(bucket: number, by: number): void {
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + by);
    this.size += by;
  }

  /** Off the value that `floor(q * (size - 1))` others stand before by at most the relative error. NaN of none. */
  quantile(q: number): number {
    let left = Math.floor(q * (this.size - 1));
    for (const [bucket, count] of this.#ascending()) {
      if (count > left) return valueOfBucket(bucket, this.bits);
      left -= count;
    }
    return NaN;
  }

  #ascending(): [bucket: number, count: number][] {
    return [...this.#counts].sort(([a], [b]) => a - b);
  }

  toBytes(): Uint8Array {
    const bytes = [version, this.bits];
    let before = 0;
    for (const [bucket, count] of this.#ascending()) {
      const by = bucket - before;
      pushVarint(bytes, by < 0 ? -2 * by - 1 : 2 * by);
      pushVarint(bytes, count);
      before = bucket;
    }
    return Uint8Array.from(bytes);
  }

  /** Takes in all that another has, as if each value had been added. @throws VECTOR_CORRUPT for bytes of no such sketch */
  merge(bytes: Uint8Array): void {
    if (bytes[0] !== version || bytes[1] !== this.bits) throw sketchCorrupt("one of quantiles of as many bits");
    const most = (2047 << this.bits) + 1;
    let at = 2;
    const next = (): number => {
      let value = 0;
      for (let scale = 1; scale < 2 ** 49; scale *= 128) {
        const byte = bytes[at++];
        if (byte === undefined) break;
        value += (byte & 127) * scale;
        if (byte < 128) return value;
      }
      throw sketchCorrupt("one of quantiles");
    };
    let bucket = 0;
    while (at < bytes.length) {
      const by = next();
      bucket += by % 2 === 0 ? by / 2 : -(by + 1) / 2;
      if (Math.abs(bucket) > most) throw sketchCorrupt("one of quantiles");
      this.#count(bucket, next());
    }
  }
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}
