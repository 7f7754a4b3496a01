import { storageError } from "../errors.ts";
import type { Action, Metadata } from "./actions.ts";
import type { LogEntry, TableLog } from "./log.ts";
import type { Definition, TableState } from "./state.ts";
import { commitTimes, versionAt } from "./time.ts";

type Configuration = Readonly<Record<string, string>>;

/** "In-Commit Timestamps" of the protocol: each version says itself when it was committed. */
const enabledKey = "delta.enableInCommitTimestamps";
const sinceVersionKey = "delta.inCommitTimestampEnablementVersion";
const sinceTimeKey = "delta.inCommitTimestampEnablementTimestamp";

export const hasInCommitTimestamps = (configuration: Configuration): boolean =>
  configuration[enabledKey]?.toLowerCase() === "true";

/** The time that a version gives itself, epoch milliseconds; undefined where it gives none. */
export function inCommitTimestamp(actions: readonly Action[]): number | undefined {
  const time = actions.find((action) => action.commitInfo !== undefined)?.commitInfo?.["inCommitTimestamp"];
  return typeof time === "number" && Number.isSafeInteger(time) ? time : undefined;
}

/**
 * An entry with the time it is committed at, where the table has such times from then on: by the clock of the writer, but
 * after the version before. The version that puts them to work notes itself in the table's properties.
 */
export async function withInCommitTimestamp(
  log: TableLog,
  before: TableState,
  entry: readonly Action[],
  now: number,
): Promise<readonly Action[]> {
  const given = entry.find((action) => action.metaData !== undefined)?.metaData;
  const configuration = given === undefined ? before.definition?.configuration : given.configuration;
  const isOn = hasInCommitTimestamps(configuration ?? {});
  if (!isOn && given === undefined) return entry;
  const timestamp = isOn ? Math.max(now, (await timeOfLatest(log, before)) + 1) : undefined;
  return entry.map(({ commitInfo, metaData, ...action }): Action => {
    if (commitInfo !== undefined && timestamp !== undefined) {
      return { commitInfo: { ...commitInfo, inCommitTimestamp: timestamp } };
    }
    if (metaData !== undefined) return { metaData: since(metaData, before, timestamp) };
    return commitInfo === undefined ? action : { commitInfo };
  });
}

/** The metadata with the properties that say since when the table has such times; without them where it has none. */
function since(metaData: Metadata, before: TableState, timestamp: number | undefined): Metadata {
  const { [sinceVersionKey]: _version, [sinceTimeKey]: _time, ...others } = metaData.configuration ?? {};
  const own = timestamp === undefined ? {} : sinceProperties(before, timestamp);
  return { ...metaData, configuration: { ...others, ...own } };
}

/** Since when the table has them: as it was said before, else since now. A table that began with them says nothing. */
function sinceProperties({ version, definition }: TableState, timestamp: number): Configuration {
  const before = definition?.configuration ?? {};
  if (hasInCommitTimestamps(before)) {
    return Object.fromEntries(
      [sinceVersionKey, sinceTimeKey].flatMap((key) => (before[key] === undefined ? [] : [[key, before[key]]])),
    );
  }
  return version < 0 ? {} : { [sinceVersionKey]: String(version + 1), [sinceTimeKey]: String(timestamp) };
}

/** When the version of a state was committed; -1 before the first one, and where its entry is gone. */
async function timeOfLatest(log: TableLog, { version, timestamp }: TableState): Promise<number> {
  if (timestamp !== undefined) return timestamp;
  const { commits } = await log.list({ from: version, until: version });
  const [entry] = commits;
  if (entry === undefined) return -1;
  return inCommitTimestamp(await log.read(version)) ?? Math.floor(entry.modified);
}

/** The times of the versions in a log, epoch milliseconds: those that the versions give, or when the store got them. */
export class VersionTimes {
  readonly #log: TableLog;
  readonly #stored: ReadonlyMap<number, number>;
  readonly #versions: readonly number[];
  /** The first version that gives its own. */
  readonly #since: number;
  readonly #sinceTime: number;

  /** @param commits ascending */
  constructor(log: TableLog, { configuration }: Pick<Definition, "configuration">, commits: readonly LogEntry[]) {
    this.#log = log;
    const isOn = hasInCommitTimestamps(configuration);
    this.#since = isOn ? Number(configuration[sinceVersionKey] ?? 0) : Infinity;
    this.#sinceTime = isOn ? Number(configuration[sinceTimeKey] ?? -Infinity) : Infinity;
    this.#versions = commits.map(({ version }) => version);
    const stored = commits.filter(({ version }) => version < this.#since);
    this.#stored = new Map(commitTimes(stored).map(({ version, timestamp }) => [version, timestamp]));
  }

  /** Of a version whose entry was read; undefined where the log has none. @throws LOG_CORRUPT */
  of(version: number, actions: readonly Action[]): number | undefined {
    if (version < this.#since) return this.#stored.get(version);
    const time = inCommitTimestamp(actions);
    if (time !== undefined) return time;
    const reason = "it has no inCommitTimestamp, which every version of the table has by its properties";
    throw storageError("LOG_CORRUPT", { file: this.#log.keyOf(version), reason });
  }

  /** The last version committed at or before a moment; undefined when all came after it. @throws LOG_CORRUPT */
  async versionAt(moment: number): Promise<number | undefined> {
    if (moment >= this.#sinceTime) {
      const found = await this.#lastGiven(moment);
      if (found !== undefined) return found;
    }
    const stored = [...this.#stored].map(([version, timestamp]) => ({ version, timestamp }));
    return versionAt(stored, moment);
  }

  /** When the first version from this one on was committed; undefined where there is none. @throws LOG_CORRUPT */
  async from(version: number): Promise<number | undefined> {
    const first = this.#versions.find((candidate) => candidate >= version);
    return first === undefined ? undefined : (this.#stored.get(first) ?? (await this.#read(first)));
  }

  async #read(version: number): Promise<number | undefined> {
    return this.of(version, await this.#log.read(version));
  }

  /** Their order is that of the versions: a few entries are read, not all. */
  async #lastGiven(moment: number): Promise<number | undefined> {
    const versions = this.#versions.filter((version) => version >= this.#since);
    let [low, high] = [0, versions.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const time = await this.#read(versions[middle] as number);
      if (time !== undefined && time <= moment) low = middle + 1;
      else high = middle;
    }
    return versions[low - 1];
  }
}
