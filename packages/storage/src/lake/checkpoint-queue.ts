import { setImmediate } from "node:timers/promises";

/** Has the checkpoints of each table written one after the other, and those nobody waits for in the background. */
export class CheckpointQueue {
  /** What is being written, or waits to be, of each table. None of them rejects. */
  readonly #last: Map<string, Promise<void>> = new Map();
  /** What is to be written in the background, and has not been begun. */
  readonly #waiting: Map<string, () => Promise<void>> = new Map();

  /** Writes in turn. @throws what `write` throws */
  async now(table: string, write: () => Promise<void>): Promise<void> {
    const before = this.#last.get(table) ?? Promise.resolve();
    const writing = before.then(write);
    const settled = writing.catch(() => undefined);
    this.#last.set(table, settled);
    try {
      await writing;
    } finally {
      if (this.#last.get(table) === settled) this.#last.delete(table);
    }
  }

  /**
   * Writes when the caller is done and no other checkpoint of the table is being written. Of several that wait only the
   * last is written: it is the newest. `write` tells of its own failure.
   */
  later(table: string, write: () => Promise<void>): void {
    const isWaiting = this.#waiting.has(table);
    this.#waiting.set(table, write);
    if (isWaiting) return;
    const turn = this.now(table, async () => {
      await setImmediate();
      const newest = this.#waiting.get(table);
      this.#waiting.delete(table);
      await newest?.();
    });
    turn.catch(() => undefined);
  }

  /** Resolves when nothing is being written and nothing waits. */
  async settled(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values());
  }
}
