import { setTimeout as sleep } from "node:timers/promises";
import type { DatabaseSync } from "node:sqlite";

/**
 * A lock between processes that dies with its holder. SQLite takes it as a lock of the kernel on an empty file, so a
 * killed writer leaves nothing that anybody would have to judge stale.
 */
export class CommitLock implements AsyncDisposable {
  readonly #path: string;
  #queue: Promise<unknown> = Promise.resolve();
  #database: DatabaseSync | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Runs `work`, which must be short, while nobody else does. */
  hold<Result>(work: () => Result): Promise<Result> {
    const turn = this.#queue.then(() => this.#locked(work));
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async #locked<Result>(work: () => Result): Promise<Result> {
    const database = await this.#open();
    for (let wait = 1; !begin(database); wait = Math.min(wait * 2, 16)) await sleep(wait * (0.5 + Math.random()));
    try {
      return work();
    } finally {
      database.exec("ROLLBACK");
    }
  }

  async #open(): Promise<DatabaseSync> {
    if (this.#database === undefined) {
      const { DatabaseSync } = await import("node:sqlite");
      this.#database = new DatabaseSync(this.#path);
    }
    return this.#database;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue;
    this.#database?.close();
    this.#database = undefined;
  }
}

function begin(database: DatabaseSync): boolean {
  try {
    database.exec("BEGIN EXCLUSIVE");
    return true;
  } catch (error) {
    if (isBusy(error)) return false;
    throw error;
  }
}

function isBusy(error: unknown): boolean {
  const sqliteBusy = 5;
  return error instanceof Error && "errcode" in error && error.errcode === sqliteBusy;
}
