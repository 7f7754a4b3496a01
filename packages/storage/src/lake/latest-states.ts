import { type Clock, type ObjectStore, systemClock } from "@ashlar/core";
import { TableLog } from "./log.ts";
import { logRetention } from "./properties.ts";
import { TableState } from "./state.ts";

/** By both clocks of a machine: one may be set back, the other stands still while the machine sleeps. */
export interface Moment {
  readonly wall: number;
  readonly monotonic: number;
}

interface Seen {
  readonly state: TableState;
  /** Of the log entry of its version. */
  readonly etag: string;
  /** When no later version existed. */
  readonly at: Moment;
}

/** Milliseconds after which single objects are no longer believed, but the log is listed. */
const longestRest = 60_000;

/** The newest state of each table that this process has read, so that a call reads only the log entries since. */
export class LatestStates {
  readonly #objects: ObjectStore;
  readonly #clock: Clock;
  readonly #seen: Map<string, Seen> = new Map();
  readonly #oldest: Map<string, number> = new Map();

  constructor(objects: ObjectStore, clock: Clock = systemClock) {
    this.#objects = objects;
    this.#clock = clock;
  }

  /** The state at a version, or at the latest: the caller's own. @throws LOG_CORRUPT, VERSION_NOT_FOUND */
  async read(
    table: string,
    options: { readonly until?: number; readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly log: TableLog; readonly state: TableState }> {
    const log = new TableLog(this.#objects, table);
    const { until = Infinity, signal } = options;
    const at = this.moment();
    const seen = this.#seen.get(table);
    const place = seen === undefined ? "gone" : await this.#placeOf(seen, log, at, signal);
    if (seen !== undefined && place === "gone" && this.#seen.get(table) === seen) this.#seen.delete(table);
    const known = place === "gone" ? undefined : seen;
    if (known !== undefined && place === "latest") this.remember(known.state, known.etag, at);
    if (known !== undefined && place === "latest" && until === Infinity) return { log, state: known.state.copy() };
    const state = known === undefined || known.state.version > until ? new TableState(table) : known.state.copy();
    await state.advance(log, options);
    if (until === Infinity && state.version > (known?.state.version ?? -1)) {
      const info = await this.#objects.head(log.keyOf(state.version));
      if (info !== undefined) this.remember(state.copy(), info.etag, at);
    }
    return { log, state };
  }

  /** The oldest version that the log had at the last clean-up; undefined where none is known. */
  oldestVersion(table: string): number | undefined {
    return this.#oldest.get(table);
  }

  noteOldestVersion(table: string, version: number): void {
    this.#oldest.set(table, version);
  }

  /**
   * Keeps a state, from now on never changed, with the etag of the log entry of its version and a moment at which it was
   * the latest.
   */
  remember(state: TableState, etag: string, at: Moment): void {
    const seen = this.#seen.get(state.table);
    if (seen === undefined || seen.state.version <= state.version) this.#seen.set(state.table, { state, etag, at });
  }

  moment(): Moment {
    return { wall: this.#clock.now(), monotonic: this.#clock.monotonic() };
  }

  /** Whether the state that was read is the latest. A table may have been removed and made anew: then it is gone. */
  #placeOf(seen: Seen, log: TableLog, now: Moment, signal: AbortSignal | undefined): Promise<Place> {
    const wall = now.wall - seen.at.wall;
    const rest = wall < 0 ? Infinity : Math.max(wall, now.monotonic - seen.at.monotonic);
    const retention = logRetention(seen.state.definition?.configuration ?? {});
    const options = signal === undefined ? {} : { signal };
    return rest > Math.min(longestRest, retention / 2)
      ? this.#listed(seen, log, options)
      : this.#lookedAt(seen, log, options);
  }

  /**
   * Entries go in ascending order, and not before their retention is over: when the one that was read is still there,
   * the one after it has not been there yet. A look for one object costs the same however many a log has, which a listing
   * does not.
   */
  async #lookedAt({ state, etag }: Seen, log: TableLog, options: { readonly signal?: AbortSignal }): Promise<Place> {
    const next = await this.#objects.head(log.keyOf(state.version + 1), options);
    const info = await this.#objects.head(log.keyOf(state.version), options);
    if (info?.etag !== etag) return "gone";
    return next === undefined ? "latest" : "newer";
  }

  /**
   * After a rest the next entry may have come and been cleaned up, while the one that was read is still answered from a
   * cache, or was spared by a clean-up that goes by another clock. What is newest is always there.
   */
  async #listed({ state, etag }: Seen, log: TableLog, options: { readonly signal?: AbortSignal }): Promise<Place> {
    const { commits, checkpoints } = await log.list({ from: state.version, ...options });
    if (!commits.some((entry) => entry.version === state.version && entry.etag === etag)) return "gone";
    const newest = Math.max(commits.at(-1)?.version ?? -1, checkpoints.at(-1)?.version ?? -1);
    return newest > state.version ? "newer" : "latest";
  }
}

type Place = "latest" | "newer" | "gone";
