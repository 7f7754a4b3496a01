import { productError } from "./running-sum.ts";

/**
 * A sum of doubles without any rounding: parts that do not overlap, of which few are needed. What is taken away again leaves
 * nothing behind. Every term must be finite.
 *
 * Source: Shewchuk, "Adaptive precision floating-point arithmetic and fast robust geometric predicates" (1997).
 */
export class ExactFloatSum {
  readonly #parts: number[] = [];

  /** In order of magnitude, together the sum. */
  get parts(): readonly number[] {
    return this.#parts;
  }

  reset(): void {
    this.#parts.length = 0;
  }

  add(term: number): void {
    const parts = this.#parts;
    let rest = term;
    let kept = 0;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as number;
      const sum = rest + part;
      const big = Math.abs(rest) < Math.abs(part) ? part : rest;
      const small = big === part ? rest : part;
      const error = small - (sum - big);
      if (error !== 0) parts[kept++] = error;
      rest = sum;
    }
    parts.length = kept;
    if (rest !== 0) parts.push(rest);
  }

  /** Adds `left * right` without rounding it first. */
  addProduct(left: number, right: number): void {
    const product = left * right;
    this.add(product);
    this.add(productError(left, right, product));
  }

  /** The sum, to within the last bit. */
  get value(): number {
    const parts = this.#parts;
    let sum = 0;
    // From the greatest on: parts that do not overlap may still be nearly as great as each other.
    for (let i = parts.length - 1; i >= 0; i--) sum += parts[i] as number;
    return sum;
  }

  /** What the sum is beyond its value, as a double. */
  get rest(): number {
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
}
