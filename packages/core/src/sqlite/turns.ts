import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** Work that is done one after another, in the order it was asked for. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when all that has been asked for so far is done. */
  async settled(): Promise<void> {
    await this.#last;
  }
}

// The lock they stand for is the process's own: SQLite gives one process no way to wait for itself but to block.
const writers = new Map<string, { readonly turns: Turns; connections: number }>();

/** A connection's place among all connections of this process to one file. Let go of it when the connection closes. */
export interface FileTurns {
  readonly turns: Turns;
  release(): void;
}

/** The write turns of a file, shared by every connection to it in this process, by whatever path it was named. */
export function fileTurns(path: string): FileTurns {
  if (path === ":memory:") return { turns: new Turns(), release: () => undefined };
  const file = existsSync(path) ? realpathSync(path) : join(realpathSync(dirname(path)), basename(path));
  const entry = writers.get(file) ?? { turns: new Turns(), connections: 0 };
  entry.connections += 1;
  writers.set(file, entry);
  let released = false;
  return {
    turns: entry.turns,
    release() {
      if (released) return;
      released = true;
      entry.connections -= 1;
      if (entry.connections === 0) writers.delete(file);
    },
  };
}
