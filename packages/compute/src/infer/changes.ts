/** Changes of one model run one after another, in the order in which they were asked for. */
export class Changes {
  /** The last change of each model that is not over. */
  readonly #last: Map<string, Promise<unknown>> = new Map();

  run<Result>(model: string, action: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(model) ?? Promise.resolve();
    const change = before.then(action, action);
    this.#last.set(model, change);
    const forget = (): void => {
      if (this.#last.get(model) === change) this.#last.delete(model);
    };
    change.then(forget, forget);
    return change;
  }

  /** Resolves when those that were asked for are over, however they ended. */
  async over(): Promise<void> {
    await Promise.allSettled(this.#last.values());
  }
}
