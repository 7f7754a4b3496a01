/**
 * A map whose copies share what they have in common, so that copying one with 100,000 files costs what has changed
 * since. Iterates in no particular order.
 */
export class SharedMap<Value> {
  /** Never changed while it is shared. */
  #base: Map<string, Value>;
  #shared = false;
  /** What differs from a shared base; undefined is deleted. */
  #changes: Map<string, Value | undefined> = new Map();
  #size: number;

  constructor(base: Map<string, Value> = new Map()) {
    this.#base = base;
    this.#size = base.size;
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): Value | undefined {
    return this.#changes.has(key) ? this.#changes.get(key) : this.#base.get(key);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  set(key: string, value: Value): void {
    if (!this.has(key)) this.#size += 1;
    if (this.#shared) this.#change(key, value);
    else this.#base.set(key, value);
  }

  delete(key: string): boolean {
    if (!this.has(key)) return false;
    this.#size -= 1;
    if (this.#shared) this.#change(key, undefined);
    else this.#base.delete(key);
    return true;
  }

  copy(): SharedMap<Value> {
    this.#shared = true;
    const copy = new SharedMap(this.#base);
    copy.#shared = true;
    copy.#changes = new Map(this.#changes);
    copy.#size = this.#size;
    return copy;
  }

  *entries(): Generator<[string, Value]> {
    for (const entry of this.#base) if (!this.#changes.has(entry[0])) yield entry;
    for (const [key, value] of this.#changes) if (value !== undefined) yield [key, value];
  }

  *keys(): Generator<string> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): Generator<Value> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): Generator<[string, Value]> {
    return this.entries();
  }

  /** Few enough changes keep copies cheap; many enough keep the merges rare: both cost about the root of the size. */
  #change(key: string, value: Value | undefined): void {
    this.#changes.set(key, value);
    if (this.#changes.size <= 512 + 4 * Math.sqrt(this.#base.size)) return;
    this.#base = new Map(this.entries());
    this.#changes = new Map();
    this.#shared = false;
  }
}
