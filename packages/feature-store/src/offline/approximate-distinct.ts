import { cardinality, mostRank, rankOf, registerOf } from "../sketch/cardinality.ts";
import { type Hash, hashInteger, hashNumber, hashText } from "../sketch/hash.ts";
import type { NumberAccumulator } from "./accumulator.ts";
import type { ColumnData } from "./column-data.ts";
import { series } from "./measure.ts";
import type { Timeline } from "./timeline.ts";

/** By row of a timeline, `register * 64 + rank` of its value; -1 for a null. */
export type RegisterCodes = Int32Array;

/** @throws COLUMN_TYPE_MISMATCH for vectors */
export function registerCodes(timeline: Timeline, column: string, precision: number): RegisterCodes {
  const data = timeline.columns.get(column) as ColumnData;
  const { values, valid } = series(timeline, column);
  const codeOf = (hash: Hash): number => registerOf(hash, precision) * 64 + rankOf(hash);
  const codes = new Int32Array(values.length).fill(-1);
  const texts = data.kind === "string" ? data.dictionary.map((text) => codeOf(hashText(text))) : undefined;
  for (let row = 0; row < codes.length; row++) {
    if (valid?.[row] === 0) continue;
    const value = values[row] as number | bigint;
    if (texts !== undefined) codes[row] = texts[value as number] as number;
    else codes[row] = codeOf(typeof value === "bigint" ? hashInteger(value) : hashNumber(value));
  }
  return codes;
}

/**
 * About how many different values are in: a HyperLogLog from which values can be taken again, for it has a count of each
 * rank of each register. What is in settles the estimate, so that it is the one of a sketch that had only that.
 */
export class ApproximateDistinct implements NumberAccumulator {
  readonly #codes: RegisterCodes;
  readonly #precision: number;
  readonly #counts = new Map<number, number>();
  /** By register, a bit for each rank that is in. */
  readonly #ranks = new Map<number, number>();
  readonly #histogram = new Float64Array(mostRank + 1);

  constructor(codes: RegisterCodes, precision: number) {
    this.#codes = codes;
    this.#precision = precision;
    this.#histogram[0] = 2 ** precision;
  }
  get size(): number {
    return this.#counts.size;
  }
  get value(): number {
    return cardinality(this.#histogram, this.#precision);
  }
  get integer(): bigint {
    return BigInt(this.value);
  }
  reset(): void {
    this.#counts.clear();
    this.#ranks.clear();
    this.#histogram.fill(0);
    this.#histogram[0] = 2 ** this.#precision;
  }
  add(row: number): void {
    const code = this.#codes[row] as number;
    if (code < 0) return;
    const count = this.#counts.get(code) ?? 0;
    this.#counts.set(code, count + 1);
    if (count === 0) this.#turn(code);
  }
  remove(row: number): void {
    const code = this.#codes[row] as number;
    if (code < 0) return;
    const count = this.#counts.get(code) as number;
    if (count > 1) return void this.#counts.set(code, count - 1);
    this.#counts.delete(code);
    this.#turn(code);
  }
  /** Turns the bit of a rank, and counts the register where its greatest rank is now. */
  #turn(code: number): void {
    const register = code >> 6;
    const before = this.#ranks.get(register) ?? 0;
    const after = before ^ (1 << ((code & 63) - 1));
    if (after === 0) this.#ranks.delete(register);
    else this.#ranks.set(register, after);
    const from = 32 - Math.clz32(before);
    const to = 32 - Math.clz32(after);
    this.#histogram[from] = (this.#histogram[from] as number) - 1;
    this.#histogram[to] = (this.#histogram[to] as number) + 1;
  }
}
