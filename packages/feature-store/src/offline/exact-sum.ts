import { fromUnits, toUnits } from "./double-units.ts";
import { productError } from "./product-error.ts";

/** Parts beyond this could overflow when they are added. */
const greatest = 2 ** 1021;

/**
 * A sum of doubles without any rounding: parts that do not overlap, of which few are needed. What is taken away again leaves
 * nothing behind, and all that can be asked follows from the terms that are in, in whatever order they came. Every term must
 * be finite. A sum beyond 2^1021 goes on as a whole number.
 *
 * Source: Shewchuk, "Adaptive precision floating-point arithmetic and fast robust geometric predicates" (1997).
 */
export class ExactFloatSum {
  readonly #parts: number[] = [];
  /** In units of 2^-1074, once the parts were too great. */
  #units: bigint | undefined;

  /** Of one sum always the same: the double nearest to it, then the one nearest to what is left, and so on. */
  get parts(): readonly number[] {
    const [low = 0, high] = this.#parts;
    if (high === undefined) return low === 0 ? [] : [low];
    if (this.#parts.length === 2) {
      const sum = high + low;
      const rest = low - (sum - high);
      return rest === 0 ? [sum] : [sum, rest];
    }
    const canonical: number[] = [];
    const rest = new ExactFloatSum();
    rest.#parts.push(...this.#parts);
    while (rest.#parts.length > 0) {
      const part = rest.value;
      canonical.push(part);
      rest.add(-part);
    }
    return canonical;
  }

  /** The sum to within its last bit, of some way it is parted. */
  get high(): number {
    const parts = this.#parts;
    let sum = 0;
    for (let i = parts.length - 1; i >= 0; i--) sum += parts[i] as number;
    return sum;
  }

  /** What it is beyond `high`, to twice the precision of a double together. */
  get low(): number {
    const parts = this.#parts;
    let sum = 0;
    let rest = 0;
    for (let i = parts.length - 1; i >= 0; i--) {
      const part = parts[i] as number;
      const next = sum + part;
      const added = next - sum;
      rest += sum - (next - added) + (part - added);
      sum = next;
    }
    return rest;
  }

  /** In units of 2^-1074, exactly. */
  get units(): bigint {
    return this.#units ?? this.#parts.reduce((sum, part) => sum + toUnits(part), 0n);
  }

  /** True when it is beyond what `parts` can tell. */
  get wide(): boolean {
    return this.#units !== undefined;
  }

  reset(): void {
    this.#parts.length = 0;
    this.#units = undefined;
  }

  add(term: number): void {
    const parts = this.#parts;
    const count = parts.length;
    const last = count === 0 ? 0 : (parts[count - 1] as number);
    if (this.#units !== undefined || Math.abs(term) >= greatest || Math.abs(last) >= greatest) {
      return this.addUnits(toUnits(term));
    }
    let rest = term;
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const part = parts[i] as number;
      // Knuth's two-sum: no branch, whichever is the greater.
      const sum = rest + part;
      const taken = sum - rest;
      const error = rest - (sum - taken) + (part - taken);
      if (error !== 0) parts[kept++] = error;
      rest = sum;
    }
    if (kept < count && rest !== 0) {
      parts[kept++] = rest;
      if (kept < count) parts.length = kept;
      return;
    }
    parts.length = kept;
    if (rest !== 0) parts.push(rest);
  }

  /** Adds so many units of 2^-1074. */
  addUnits(units: bigint): void {
    this.#units = this.units + units;
    this.#parts.length = 0;
  }

  /** Adds an integer of 64 bits. */
  addInteger(value: bigint): void {
    const low = Number(BigInt.asUintN(32, value));
    this.add(low);
    this.add(Number(value - BigInt(low)));
  }

  /** Adds `left * right` without rounding it first. */
  addProduct(left: number, right: number): void {
    const product = left * right;
    this.add(product);
    this.add(productError(left, right, product));
  }

  /** The double nearest to the sum, ties to even. */
  get value(): number {
    if (this.#units !== undefined) return fromUnits(this.#units);
    const parts = this.#parts;
    let i = parts.length - 1;
    if (i < 0) return 0;
    let sum = parts[i] as number;
    let rest = 0;
    while (i > 0 && rest === 0) {
      const before = sum;
      const part = parts[--i] as number;
      sum = before + part;
      rest = part - (sum - before);
    }
    // Half way between two doubles: the parts below say to which side.
    if (i > 0 && rest !== 0 && Math.sign(rest) === Math.sign(parts[i - 1] as number)) {
      const other = sum + 2 * rest;
      if (other - sum === 2 * rest) sum = other;
    }
    return sum;
  }
}
