interface Entry<Value> {
  readonly value: Promise<Value>;
  users: number;
  /** Called when nobody uses it any more; undefined as long as it is kept. */
  leave: (() => void) | undefined;
}

/** Keeps the values used last; one that makes room is closed when its users are done. */
export class Cache<Value> {
  readonly #limit: number;
  readonly #close: (value: Value) => Promise<void>;
  readonly #entries = new Map<string, Entry<Value>>();
  readonly #leaving = new Set<Promise<void>>();
  #ended = false;

  constructor(limit: number, close: (value: Value) => Promise<void>) {
    this.#limit = limit;
    this.#close = close;
  }

  /**
   * Does something with the value under the key, which is made once however many ask for it; one that cannot be made is
   * asked for anew.
   */
  async use<Result>(
    key: string,
    make: () => Promise<Value>,
    action: (value: Value) => Promise<Result>,
  ): Promise<Result> {
    if (this.#ended) throw new Error("it is closed");
    const entry = this.#entries.get(key) ?? { value: make(), users: 0, leave: undefined };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.users++;
    entry.value.catch(() => this.#entries.get(key) === entry && this.#entries.delete(key));
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#limit) void this.#retire(oldest ?? "").catch(() => {});
    try {
      return await action(await entry.value);
    } finally {
      entry.users--;
      if (entry.users === 0) entry.leave?.();
    }
  }

  /** Closes all values, each when its users are done; none is made any more. */
  async clear(): Promise<void> {
    this.#ended = true;
    const retired = [...this.#entries.keys()].map((key) => this.#retire(key));
    await Promise.all([...retired, ...this.#leaving]);
  }

  #retire(key: string): Promise<void> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return Promise.resolve();
    this.#entries.delete(key);
    const free = Promise.withResolvers<void>();
    entry.leave = free.resolve;
    if (entry.users === 0) free.resolve();
    const left = free.promise.then(() => entry.value.then(this.#close, () => {}));
    this.#leaving.add(left);
    return left.finally(() => this.#leaving.delete(left));
  }
}
