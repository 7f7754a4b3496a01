/** Keeps the values used last; one that makes room is closed. */
export class Cache<Value> {
  readonly #limit: number;
  readonly #close: (value: Value) => Promise<void>;
  readonly #values = new Map<string, Promise<Value>>();

  constructor(limit: number, close: (value: Value) => Promise<void>) {
    this.#limit = limit;
    this.#close = close;
  }

  /** The value under the key, made once however many ask for it; one that cannot be made is asked for anew. */
  async get(key: string, make: () => Promise<Value>): Promise<Value> {
    const found = this.#values.get(key) ?? make();
    this.#values.delete(key);
    this.#values.set(key, found);
    found.catch(() => this.#values.get(key) === found && this.#values.delete(key));
    if (this.#values.size > this.#limit) {
      const [oldest] = this.#values.keys();
      const value = this.#values.get(oldest ?? "");
      this.#values.delete(oldest ?? "");
      await value?.then(this.#close, () => {});
    }
    return found;
  }

  async clear(): Promise<void> {
    const values = [...this.#values.values()];
    this.#values.clear();
    await Promise.all(values.map((value) => value.then(this.#close, () => {})));
  }
}
