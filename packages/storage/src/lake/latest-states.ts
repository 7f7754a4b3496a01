import type { ObjectStore } from "@ashlar/core";
import { TableLog } from "./log.ts";
import { TableState } from "./state.ts";

/** The newest state of each table that this process has read, so that a call reads only the log entries since. */
export class LatestStates {
  readonly #objects: ObjectStore;
  readonly #seen: Map<string, { readonly state: TableState; readonly etag: string }> = new Map();

  readonly #oldest: Map<string, number> = new Map();

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  /** The state at a version, or at the latest: the caller's own. @throws LOG_CORRUPT, VERSION_NOT_FOUND */
  async read(
    table: string,
    options: { readonly until?: number; readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly log: TableLog; readonly state: TableState }> {
    const log = new TableLog(this.#objects, table);
    const { until = Infinity, signal } = options;
    const latest = this.#seen.get(table)?.state.version;
    // Entries go in ascending order: when the one that was read is still there, the one after it has not been there yet.
    // A look for one object costs the same however many a log has, which a listing does not.
    const isNewer = latest === undefined || (await this.#isThere(log.keyOf(latest + 1), signal));
    const seen = await this.#stillThere(table, log);
    if (!isNewer && seen?.version === latest && until === Infinity) return { log, state: seen.copy() };
    const state = seen === undefined || seen.version > until ? new TableState(table) : seen.copy();
    const known = state.version;
    await state.advance(log, options);
    if (state.version > Math.max(known, seen?.version ?? -1)) {
      const info = await this.#objects.head(log.keyOf(state.version));
      if (info !== undefined) this.remember(state.copy(), info.etag);
    }
    return { log, state };
  }

  async #isThere(key: string, signal: AbortSignal | undefined): Promise<boolean> {
    return (await this.#objects.head(key, signal === undefined ? {} : { signal })) !== undefined;
  }

  /** The oldest version that the log had at the last clean-up; undefined where none is known. */
  oldestVersion(table: string): number | undefined {
    return this.#oldest.get(table);
  }

  noteOldestVersion(table: string, version: number): void {
    this.#oldest.set(table, version);
  }

  /** Keeps a state, from now on never changed, with the etag of the log entry of its version. */
  remember(state: TableState, etag: string): void {
    const seen = this.#seen.get(state.table);
    if (seen === undefined || seen.state.version <= state.version) this.#seen.set(state.table, { state, etag });
  }

  /** A table may have been removed and made anew: then the entry of the version that was read is another one. */
  async #stillThere(table: string, log: TableLog): Promise<TableState | undefined> {
    const seen = this.#seen.get(table);
    if (seen === undefined) return undefined;
    const info = await this.#objects.head(log.keyOf(seen.state.version));
    if (info?.etag === seen.etag) return seen.state;
    this.#seen.delete(table);
    return undefined;
  }
}
