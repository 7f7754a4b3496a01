import { close, openSync, statSync } from "node:fs";
import { promisify } from "node:util";

/** From this size on it is felt by everybody on the thread that a file gives its blocks back. */
const largeBytes = 4 * 1024 * 1024;

const closing = promisify(close);

/**
 * Large files that are about to lose their names, held open meanwhile: to take a name away, or give it to another file, then waits
 * for no blocks to be given back. Disposing it gives them back, in another thread; a kill does too.
 */
export class HeldFiles implements AsyncDisposable {
  readonly #handles: number[] = [];

  hold(path: string): void {
    // There a file that is open keeps its name.
    if (process.platform === "win32") return;
    try {
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats?.isFile() === true && stats.size >= largeBytes) this.#handles.push(openSync(path, "r"));
    } catch {
      // What cannot be read can be replaced all the same.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const handle of this.#handles.splice(0)) await closing(handle);
  }
}
