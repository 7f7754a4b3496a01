import type { Measure } from "./measure.ts";
import { Spread } from "./deviation.ts";
import { FloatTotal } from "./float-total.ts";

/** The state of one aggregate over the rows that are in a window. They enter in any order, and leave in the timeline's. */
export interface Accumulator {
  /** How many values are in; 0 makes every aggregate but the counts null. */
  readonly size: number;
  /** Starts anew for the key that has the rows `[start, end)`. */
  reset(start: number, end: number): void;
  add(row: number): void;
  remove(row: number): void;
}

/** An aggregate that is computed. */
export interface NumberAccumulator extends Accumulator {
  readonly value: number;
  /** The value as an integer, for aggregates of integers. */
  readonly integer: bigint;
}

/** An aggregate that is the value of one of the rows. */
export interface RowAccumulator extends Accumulator {
  /** The row of the timeline; anything when nothing is in. */
  readonly row: number;
}

/** @param of what is aggregated, over the values of `measure`, which only a count does without */
export function accumulator(
  of: { readonly aggregate: "mean" | "sum" | "stddev" | "share" | "count" },
  measure: Measure | undefined,
): NumberAccumulator {
  if (measure === undefined) return new Count();
  if (of.aggregate === "stddev")
    return measure.integer && !measure.squaresAreExact ? new BigDeviation(measure) : new Deviation(measure);
  const mean = of.aggregate !== "sum";
  if (measure.exact !== undefined) return new BigSum(measure, measure.exact, mean);
  return measure.sumIsExact ? new ExactSum(measure, mean) : new FloatSum(measure, mean);
}

class Count implements NumberAccumulator {
  size = 0;
  reset(): void {
    this.size = 0;
  }
  add(): void {
    this.size++;
  }
  remove(): void {
    this.size--;
  }
  get value(): number {
    return this.size;
  }
  get integer(): bigint {
    return BigInt(this.size);
  }
}

/** Whole numbers whose sum cannot pass 2^53: plain additions are exact. */
class ExactSum implements NumberAccumulator {
  size = 0;
  #total = 0;
  readonly #values: Float64Array;
  readonly #valid: Uint8Array | undefined;
  readonly #mean: boolean;

  constructor(measure: Measure, mean: boolean) {
    this.#values = measure.values;
    this.#valid = measure.valid;
    this.#mean = mean;
  }
  reset(): void {
    this.size = 0;
    this.#total = 0;
  }
  add(row: number): void {
    if (this.#valid !== undefined && this.#valid[row] === 0) return;
    this.size++;
    this.#total += this.#values[row] as number;
  }
  remove(row: number): void {
    if (this.#valid !== undefined && this.#valid[row] === 0) return;
    this.size--;
    this.#total -= this.#values[row] as number;
  }
  get value(): number {
    return this.#mean ? this.#total / this.size : this.#total;
  }
  get integer(): bigint {
    return BigInt(this.#total);
  }
}

/** Floats, summed exactly: what a window comes to does not depend on what was in it before. */
class FloatSum implements NumberAccumulator {
  size = 0;
  readonly #total = new FloatTotal();
  readonly #measure: Measure;
  readonly #mean: boolean;

  constructor(measure: Measure, mean: boolean) {
    this.#measure = measure;
    this.#mean = mean;
  }
  reset(): void {
    this.size = 0;
    this.#total.reset();
  }
  add(row: number): void {
    this.#move(row, 1);
  }
  remove(row: number): void {
    this.#move(row, -1);
  }
  #move(row: number, by: 1 | -1): void {
    if (this.#measure.valid?.[row] === 0) return;
    this.size += by;
    this.#total.move(this.#measure.values[row] as number, by);
  }
  get value(): number {
    return this.#mean ? this.#total.mean(this.size) : this.#total.value;
  }
  get integer(): bigint {
    return BigInt(this.value);
  }
}

class BigSum implements NumberAccumulator {
  size = 0;
  integer = 0n;
  readonly #exact: BigInt64Array;
  readonly #measure: Measure;
  readonly #mean: boolean;

  constructor(measure: Measure, exact: BigInt64Array, mean: boolean) {
    this.#measure = measure;
    this.#exact = exact;
    this.#mean = mean;
  }
  reset(): void {
    this.size = 0;
    this.integer = 0n;
  }
  add(row: number): void {
    if (this.#measure.valid?.[row] === 0) return;
    this.size++;
    this.integer += this.#exact[row] as bigint;
  }
  remove(row: number): void {
    if (this.#measure.valid?.[row] === 0) return;
    this.size--;
    this.integer -= this.#exact[row] as bigint;
  }
  get value(): number {
    return this.#mean ? Number(this.integer) / this.size : Number(this.integer);
  }
}

class Deviation implements NumberAccumulator {
  readonly #spread = new Spread();
  readonly #measure: Measure;

  constructor(measure: Measure) {
    this.#measure = measure;
  }
  get size(): number {
    return this.#spread.size;
  }
  reset(): void {
    this.#spread.reset();
  }
  add(row: number): void {
    if (this.#measure.valid?.[row] !== 0) this.#spread.move(this.#measure.values[row] as number, 1);
  }
  remove(row: number): void {
    if (this.#measure.valid?.[row] !== 0) this.#spread.move(this.#measure.values[row] as number, -1);
  }
  get value(): number {
    return this.#spread.deviation;
  }
  get integer(): bigint {
    return BigInt(Math.round(this.value));
  }
}

/** The population standard deviation of integers of which the squares pass 2^53. */
class BigDeviation implements NumberAccumulator {
  size = 0;
  #sum = 0n;
  #squares = 0n;
  readonly #measure: Measure;

  constructor(measure: Measure) {
    this.#measure = measure;
  }
  reset(): void {
    this.size = 0;
    this.#sum = 0n;
    this.#squares = 0n;
  }
  add(row: number): void {
    this.#move(row, 1);
  }
  remove(row: number): void {
    this.#move(row, -1);
  }
  #move(row: number, by: 1 | -1): void {
    if (this.#measure.valid?.[row] === 0) return;
    const value = this.#measure.exact?.[row] ?? BigInt(this.#measure.values[row] as number);
    const sign = BigInt(by);
    this.size += by;
    this.#sum += sign * value;
    this.#squares += sign * value * value;
  }
  get value(): number {
    const n = BigInt(this.size);
    return Math.sqrt(Number(n * this.#squares - this.#sum * this.#sum)) / this.size;
  }
  get integer(): bigint {
    return BigInt(Math.round(this.value));
  }
}
