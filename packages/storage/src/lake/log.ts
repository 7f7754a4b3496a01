import { isAshlarError, type ObjectStore } from "@ashlar/core";
import { storageError } from "../errors.ts";
import { type Action, parseActions } from "./actions.ts";
import { readCheckpoint } from "./checkpoint.ts";

const utf8 = new TextEncoder();

/** The `_delta_log` folder of a table. */
export class TableLog {
  readonly #objects: ObjectStore;
  readonly #prefix: string;

  constructor(objects: ObjectStore, table: string) {
    this.#objects = objects;
    this.#prefix = `${table}/_delta_log/`;
  }

  keyOf(version: number): string {
    return `${this.#prefix}${digits(version)}.json`;
  }

  /** Versions with a log entry, and versions with a classic checkpoint, above `after`, ascending. */
  async versions(after: number, signal?: AbortSignal): Promise<{ commits: number[]; checkpoints: number[] }> {
    const startAfter = after < 0 ? {} : { startAfter: this.keyOf(after) };
    const commits: number[] = [];
    const checkpoints: number[] = [];
    for await (const { key } of this.#objects.list(this.#prefix, { ...startAfter, ...(signal ? { signal } : {}) })) {
      const match = /^(\d{20})\.(json|checkpoint\.parquet)$/.exec(key.slice(this.#prefix.length));
      if (match !== null) (match[2] === "json" ? commits : checkpoints).push(Number(match[1]));
    }
    return { commits, checkpoints };
  }

  /** The actions of one version. @throws LOG_CORRUPT when the entry is missing or damaged */
  async read(version: number, signal?: AbortSignal): Promise<Action[]> {
    const file = this.keyOf(version);
    try {
      const object = await this.#objects.get(file, signal ? { signal } : {});
      return parseActions(file, new TextDecoder().decode(await object.bytes()));
    } catch (cause) {
      if (!isAshlarError(cause, "OBJECT_NOT_FOUND")) throw cause;
      throw storageError("LOG_CORRUPT", { file, reason: "it is missing, though later versions exist" }, { cause });
    }
  }

  /** The actions that stand for all versions up to this one. */
  async readCheckpoint(version: number): Promise<Action[]> {
    return readCheckpoint(this.#objects, `${this.#prefix}${digits(version)}.checkpoint.parquet`);
  }

  /** Writes one version unless it exists. Of many writers one returns true. */
  async write(version: number, actions: readonly Action[], signal?: AbortSignal): Promise<boolean> {
    const body = utf8.encode(actions.map((action) => `${JSON.stringify(action)}\n`).join(""));
    try {
      await this.#objects.put(this.keyOf(version), body, { ifAbsent: true, ...(signal ? { signal } : {}) });
      return true;
    } catch (error) {
      if (isAshlarError(error, "PRECONDITION_FAILED")) return false;
      throw error;
    }
  }
}

const digits = (version: number): string => String(version).padStart(20, "0");
