/** Sub-buckets of each power of two: a quantile is at most 1/16 too high. */
const steps = 16;
const log2OfSteps = 4;

/** Plain data, to be sent to another process. */
export interface HistogramSnapshot {
  /** Of the buckets that are not empty, by index. */
  readonly counts: readonly (readonly [index: number, count: number])[];
  readonly sum: number;
  readonly max: number;
}

/**
 * Counts durations in whole microseconds in buckets that grow with the value, as HdrHistogram does: memory stays the
 * same however many are recorded, and quantiles are exact to 6.25 %.
 */
export class Histogram {
  readonly #counts = new Float64Array(steps * 40);
  #count = 0;
  #sum = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  get max(): number {
    return this.#max;
  }

  record(micros: number): void {
    const value = Math.max(0, Math.round(micros));
    const index = Math.min(bucketOf(value), this.#counts.length - 1);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#count++;
    this.#sum += value;
    if (value > this.#max) this.#max = value;
  }

  /** What another histogram has counted, as {@link snapshot} gave it. */
  add({ counts, sum, max }: HistogramSnapshot): void {
    for (const [index, count] of counts) {
      this.#counts[index] = (this.#counts[index] ?? 0) + count;
      this.#count += count;
    }
    this.#sum += sum;
    this.#max = Math.max(this.#max, max);
  }

  snapshot(): HistogramSnapshot {
    const counts = [...this.#counts].flatMap((count, index) => (count > 0 ? [[index, count] as const] : []));
    return { counts, sum: this.#sum, max: this.#max };
  }

  /** The smallest bucket limit that at least `share` of the values reach; 0 when nothing was recorded. */
  quantile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (let index = 0; index < this.#counts.length; index++) {
      seen += this.#counts[index] ?? 0;
      if (seen >= rank) return Math.min(upperLimit(index), this.#max);
    }
    return 0;
  }
}

function bucketOf(value: number): number {
  if (value < steps) return value;
  const magnitude = value < 2 ** 31 ? 31 - Math.clz32(value) : Math.floor(Math.log2(value));
  const exponent = magnitude - log2OfSteps;
  return (exponent + 1) * steps + Math.floor(value / 2 ** exponent) - steps;
}

/** The largest whole value of a bucket. */
function upperLimit(index: number): number {
  if (index < steps) return index;
  const exponent = Math.floor(index / steps) - 1;
  return (steps + (index % steps) + 1) * 2 ** exponent - 1;
}
