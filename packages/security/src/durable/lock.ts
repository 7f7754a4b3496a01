import { DatabaseSync } from "node:sqlite";

const busy = 5;

/**
 * Takes an exclusive lock on `path`, or returns undefined when somebody has it, in this process or another.
 *
 * It is SQLite's lock on an empty database: the kernel lets go of it when the process dies, so that a kill -9 leaves
 * nothing stale behind, which a file with a process id in it would.
 */
export function tryLock(path: string): Disposable | undefined {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec("PRAGMA journal_mode=DELETE; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === busy) return undefined;
    throw error;
  }
  return { [Symbol.dispose]: () => database.close() };
}
