import { isAshlarError } from "@ashlar/core";
import { storageError } from "../errors.ts";
import type { Action } from "./actions.ts";
import type { CheckpointFiles } from "./checkpoint.ts";
import type { CheckpointHint, NotedCheckpoint } from "./last-checkpoint.ts";
import type { LogFiles, TableLog } from "./log.ts";
import type { TableState } from "./state.ts";

export interface ReplayOptions {
  /** @default the latest version */
  readonly until?: number;
  readonly signal?: AbortSignal;
  /** Gets the actions of each entry that is read; then no checkpoint may stand in for entries. */
  readonly onEntry?: (actions: Action[]) => void;
}

/** From here on reading a checkpoint is cheaper than reading entry by entry. */
const manyEntries = 50;
const readAhead = 16;

/**
 * Reads a log on from where a state is, up to a version. A state that has seen nothing begins at the newest checkpoint
 * that can be read, which `_last_checkpoint` helps to find.
 *
 * @throws LOG_CORRUPT, VERSION_NOT_FOUND
 */
export async function replay(state: TableState, log: TableLog, options: ReplayOptions): Promise<void> {
  const { until, signal } = options;
  if (until !== undefined && !(Number.isSafeInteger(until) && until >= 0)) throw await notFound(state, log, until);
  if (state.version >= 0) return readOn(state, log, await log.list(rangeOf(state.version + 1, options)), options);
  const hint = await log.lastCheckpoint();
  const noted = hint?.noted;
  if (hint !== undefined && hint.version > 0 && hint.version <= (until ?? hint.version)) {
    const files = await log.list(rangeOf(hint.version, options));
    if (await beginAtCheckpoint(state, log, files, hint)) return readOn(state, log, files, { ...options, noted });
  }
  signal?.throwIfAborted();
  // That an entry 0 is no part of the log shows in what comes after it.
  const range = until === 0 ? { from: 0, ...(signal ? { signal } : {}) } : rangeOf(0, options);
  await readOn(state, log, await log.list(range), { ...options, noted });
}

const rangeOf = (from: number, { until, signal }: ReplayOptions): { from: number } & ReplayOptions => ({
  from,
  ...(until === undefined ? {} : { until }),
  ...(signal === undefined ? {} : { signal }),
});

/** Whether the newest checkpoint at or after the hint could be read. */
async function beginAtCheckpoint(
  state: TableState,
  log: TableLog,
  files: LogFiles,
  { version, noted }: CheckpointHint,
): Promise<boolean> {
  const newest = files.checkpoints.at(-1);
  if (newest === undefined || newest.version < version) return false;
  return (await tryCheckpoint(state, log, newest, noted)) === undefined;
}

/** With what the hint notes of the newest checkpoint. */
interface ReadOptions extends ReplayOptions {
  readonly noted?: NotedCheckpoint | undefined;
}

/** The damage, where there is some. */
async function tryCheckpoint(
  state: TableState,
  log: TableLog,
  files: CheckpointFiles,
  noted: NotedCheckpoint | undefined,
): Promise<Error | undefined> {
  try {
    state.restore(await log.readCheckpoint(files, noted), files);
    return undefined;
  } catch (error) {
    if (isAshlarError(error, "LOG_CORRUPT")) return error;
    throw error;
  }
}

async function readOn(state: TableState, log: TableLog, files: LogFiles, options: ReadOptions): Promise<void> {
  const latest = Math.max(state.version, files.commits.at(-1)?.version ?? -1, files.checkpoints.at(-1)?.version ?? -1);
  const until = options.until ?? latest;
  if (until > latest) throw await notFound(state, log, until);
  const damage = await jump(state, log, files, until, options);
  try {
    await readEntries(state, log, files, until, options);
  } catch (error) {
    // Entries from before a checkpoint may have been cleaned up: then what is wrong is the checkpoint.
    throw damage !== undefined && isAshlarError(error, "LOG_CORRUPT") ? damage : error;
  }
}

/** Takes a checkpoint where entries are missing or many. @returns the damage of the newest one, if it has any */
async function jump(
  state: TableState,
  log: TableLog,
  files: LogFiles,
  until: number,
  options: ReadOptions,
): Promise<Error | undefined> {
  const entries = files.commits.filter(({ version }) => version > state.version && version <= until);
  const gapless = entries.length === until - state.version && entries[0]?.version === state.version + 1;
  const worthwhile = state.version < 0 || !gapless || entries.length > manyEntries;
  if (options.onEntry !== undefined || until <= state.version || !worthwhile) return undefined;
  let damage: Error | undefined;
  for (const checkpoint of files.checkpoints.toReversed()) {
    if (checkpoint.version > until || checkpoint.version <= state.version) continue;
    const problem = await tryCheckpoint(state, log, checkpoint, options.noted);
    if (problem === undefined) return damage;
    damage ??= problem;
  }
  const found = entries.length + files.strays.length;
  if (state.version < 0 && found > 0 && entries[0]?.version !== 0 && options.until !== undefined) {
    throw damage ?? (await notFound(state, log, until));
  }
  return damage;
}

async function readEntries(
  state: TableState,
  log: TableLog,
  files: LogFiles,
  until: number,
  options: ReplayOptions,
): Promise<void> {
  const there = new Set(files.commits.map(({ version }) => version));
  while (state.version < until) {
    options.signal?.throwIfAborted();
    const first = state.version + 1;
    const count = Math.min(readAhead, until - state.version);
    const versions = Array.from({ length: count }, (_, index) => first + index);
    const gap = versions.findIndex((version) => !there.has(version));
    const readable = gap < 0 ? versions : versions.slice(0, gap + 1);
    for (const actions of await Promise.all(readable.map((version) => log.read(version, options.signal)))) {
      state.apply(actions, state.version + 1, log.keyOf(state.version + 1));
      options.onEntry?.(actions);
    }
  }
}

async function notFound(state: TableState, log: TableLog, version: number): Promise<Error> {
  const files = await log.list();
  const latest = Math.max(files.commits.at(-1)?.version ?? -1, files.checkpoints.at(-1)?.version ?? -1);
  return storageError("VERSION_NOT_FOUND", { table: state.table, version, earliest: earliestOf(files), latest });
}

/** The first version that can still be put together; -1 when there is none. */
export function earliestOf({ commits, checkpoints }: LogFiles): number {
  if (commits[0]?.version === 0) return 0;
  return checkpoints[0]?.version ?? -1;
}
