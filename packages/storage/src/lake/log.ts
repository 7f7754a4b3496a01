import { isAshlarError, type ObjectInfo, type ObjectStore } from "@ashlar/core";
import { storageError } from "../errors.ts";
import { type Action, parseActions } from "./actions.ts";
import { type Checkpoint, type CheckpointFiles, readCheckpoint } from "./checkpoint.ts";
import { countStrays } from "./stray-entries.ts";
import { type CheckpointHint, type NotedCheckpoint, readLastCheckpoint } from "./last-checkpoint.ts";

const utf8 = new TextEncoder();

/** The file of one version. */
export interface LogEntry {
  readonly version: number;
  /** When the store last changed it, epoch milliseconds. */
  readonly modified: number;
  readonly etag: string;
}

/** What a log holds, ascending. */
export interface LogFiles {
  readonly commits: readonly LogEntry[];
  /** Those of which every part is there. */
  readonly checkpoints: readonly CheckpointFiles[];
  /** Entries that are no part of the log. */
  readonly strays: readonly LogEntry[];
}

export interface LogRange {
  /** @default 0 */
  readonly from?: number;
  /** @default the latest */
  readonly until?: number;
  readonly signal?: AbortSignal;
}

/** The `_delta_log` folder of a table. */
export class TableLog {
  readonly #objects: ObjectStore;
  readonly prefix: string;

  constructor(objects: ObjectStore, table: string) {
    this.#objects = objects;
    this.prefix = `${table}/_delta_log/`;
  }

  get lastCheckpointKey(): string {
    return `${this.prefix}_last_checkpoint`;
  }

  keyOf(version: number): string {
    return `${this.prefix}${digits(version)}.json`;
  }

  checkpointKeyOf(version: number): string {
    return `${this.prefix}${digits(version)}.checkpoint.parquet`;
  }

  /** The files of some versions: the listing begins at the first and ends after the last. */
  async list({ from = 0, until = Infinity, signal }: LogRange = {}): Promise<LogFiles> {
    const commits: LogEntry[] = [];
    const checkpoints = new Map<string, CheckpointPart[]>();
    const checksums = new Set<string>();
    const startAfter = from > 0 ? { startAfter: this.prefix + digits(from) } : {};
    for await (const { key, lastModified, etag } of this.#objects.list(this.prefix, {
      ...startAfter,
      ...signalOf(signal),
    })) {
      const name = key.slice(this.prefix.length);
      const version = Number(/^\d{20}(?=\.)/.exec(name)?.[0] ?? Number.NaN);
      // Everything that is not of a version sorts after the digits.
      if (version > until || name > ":") break;
      if (/^\d{20}\.json$/.test(name)) commits.push({ version, modified: lastModified, etag });
      if (/^\d{20}\.crc$/.test(name)) checksums.add(key);
      const part = checkpointPart(key, name);
      if (part !== undefined) checkpoints.set(part.of, [...(checkpoints.get(part.of) ?? []), part]);
    }
    const whole = [...checkpoints.values()].flatMap(complete).map((files): CheckpointFiles => {
      const checksumKey = `${this.prefix}${digits(files.version)}.crc`;
      return checksums.has(checksumKey) ? { ...files, checksumKey } : files;
    });
    const strays = commits.splice(0, countStrays(commits, whole));
    return { commits, checkpoints: whole, strays };
  }

  /** The newest checkpoint, by `_last_checkpoint`. */
  lastCheckpoint(): Promise<CheckpointHint | undefined> {
    return readLastCheckpoint(this.#objects, this.lastCheckpointKey);
  }

  /** The actions of one version. @throws LOG_CORRUPT when the entry is missing or damaged */
  async read(version: number, signal?: AbortSignal): Promise<Action[]> {
    const file = this.keyOf(version);
    try {
      const object = await this.#objects.get(file, signalOf(signal));
      return parseActions(file, await object.bytes());
    } catch (cause) {
      if (!isAshlarError(cause, "OBJECT_NOT_FOUND")) throw cause;
      throw storageError("LOG_CORRUPT", { file, reason: "it is missing, though later versions exist" }, { cause });
    }
  }

  /** The actions that stand for all versions up to this one. @throws LOG_CORRUPT */
  readCheckpoint(files: CheckpointFiles, noted?: NotedCheckpoint): Promise<Checkpoint> {
    return readCheckpoint(this.#objects, files, noted);
  }

  /** Writes one version unless it exists. Of many writers one gets the entry's information, the others undefined. */
  async write(version: number, actions: readonly Action[], signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    const body = utf8.encode(actions.map((action) => `${JSON.stringify(action)}\n`).join(""));
    try {
      return await this.#objects.put(this.keyOf(version), body, { ifAbsent: true, ...signalOf(signal) });
    } catch (error) {
      if (isAshlarError(error, "PRECONDITION_FAILED")) return undefined;
      throw error;
    }
  }

  /** Takes an entry away, if it is still the one that was written. */
  async withdraw({ key, etag }: ObjectInfo): Promise<void> {
    const found = await this.#objects.head(key);
    if (found?.etag === etag) await this.#objects.delete(key);
  }
}

interface CheckpointPart {
  readonly of: string;
  readonly version: number;
  readonly key: string;
  readonly parts: number;
}

/** "Checkpoint Naming Scheme" of the protocol: classic, UUID-named, multi-part. */
function checkpointPart(key: string, name: string): CheckpointPart | undefined {
  const match = /^(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10})|\.[\w-]{36})?\.(?:parquet|json)$/.exec(name);
  if (match === null) return undefined;
  const [, version, part, parts] = match;
  const of = part === undefined ? name : `${version}/${parts}`;
  return { of, version: Number(version), key, parts: Number(parts ?? 1) };
}

function complete(parts: readonly CheckpointPart[]): CheckpointFiles[] {
  const [first] = parts;
  if (first === undefined || parts.length !== first.parts) return [];
  return [{ version: first.version, keys: parts.map((part) => part.key) }];
}

const signalOf = (signal: AbortSignal | undefined): { signal?: AbortSignal } => (signal ? { signal } : {});

const digits = (version: number): string => String(version).padStart(20, "0");
