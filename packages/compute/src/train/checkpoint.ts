import { createHash } from "node:crypto";
import { type ObjectStore, isAshlarError } from "@ashlar/core";
import { computeError } from "../errors.ts";
import type { TrainingState } from "./state.ts";

export interface CheckpointOptions {
  readonly store: ObjectStore;
  /** Prefix of the two objects that take turns, `<key>/0` and `<key>/1`. */
  readonly key: string;
  /** A number of steps (trees, epochs, iterations), or a time such as `"30s"`. @default "30s" */
  readonly every?: number | `${number}ms` | `${number}s` | `${number}m`;
}

/** What a training is: its data, its hyperparameters, its seed. A checkpoint is resumed only under the same. */
export type Fingerprint = Readonly<Record<string, string | number | boolean | readonly number[] | null>>;

interface Header {
  readonly fingerprint: Fingerprint;
  readonly step: number;
  readonly done: boolean;
  /** Name and length of each run of numbers in the body, in order. */
  readonly layout: readonly (readonly [string, number])[];
}

interface Loaded {
  readonly header: Header;
  readonly state: TrainingState;
  readonly slot: number;
}

const MAGIC = "ASHCKPT1";
const DIGEST_BYTES = 32;

/**
 * Saves states by turns in two objects, each sealed by a SHA-256, so that whichever write is torn by a crash the one
 * before it is whole.
 */
export class Checkpoints {
  readonly #options: CheckpointOptions;
  readonly #fingerprint: Fingerprint;
  #slot = 0;
  #pending: TrainingState | undefined;
  #writing: Promise<void> | undefined;
  readonly #failure = new AbortController();

  constructor(options: CheckpointOptions, fingerprint: Fingerprint) {
    this.#options = options;
    this.#fingerprint = fingerprint;
  }

  /**
   * The newest whole state, or undefined when there is none. A torn object is passed over.
   *
   * @throws CHECKPOINT_MISMATCH when it was saved by a training of other data or hyperparameters
   * @throws CHECKPOINT_UNREADABLE when the key holds something that is no checkpoint
   */
  async load(signal?: AbortSignal): Promise<TrainingState | undefined> {
    let newest: Loaded | undefined;
    for (const slot of [0, 1]) {
      const loaded = await this.#read(slot, signal);
      if (loaded !== undefined && (newest === undefined || isLater(loaded.state, newest.state))) newest = loaded;
    }
    if (newest === undefined) return undefined;
    this.#slot = 1 - newest.slot;
    this.#assertSame(newest.header.fingerprint);
    return newest.state;
  }

  /** Aborted, with what the store threw, when a state could not be saved: to go on would be to risk all of it. */
  get failed(): AbortSignal {
    return this.#failure.signal;
  }

  /** Starts to save. While a save is on its way only the newest state offered waits behind it; after a failure none. */
  offer(state: TrainingState): void {
    if (this.failed.aborted) return;
    this.#pending = state;
    this.#writing ??= this.#drain();
  }

  /** Resolves when everything offered is durable. @throws what the store threw */
  async settled(): Promise<void> {
    await this.#writing;
    this.failed.throwIfAborted();
  }

  async #drain(): Promise<void> {
    try {
      while (this.#pending !== undefined) {
        const state = this.#pending;
        this.#pending = undefined;
        await this.#options.store.put(this.#object(this.#slot), encodeCheckpoint(state, this.#fingerprint));
        this.#slot = 1 - this.#slot;
      }
    } catch (error) {
      this.#failure.abort(error);
    } finally {
      this.#writing = undefined;
    }
  }

  async #read(slot: number, signal?: AbortSignal): Promise<Loaded | undefined> {
    const key = this.#object(slot);
    try {
      const stored = await this.#options.store.get(key, signal === undefined ? {} : { signal });
      const loaded = decodeCheckpoint(await stored.bytes(), key);
      return loaded === undefined ? undefined : { ...loaded, slot };
    } catch (error) {
      if (isAshlarError(error, "OBJECT_NOT_FOUND")) return undefined;
      throw error;
    }
  }

  #object(slot: number): string {
    return `${this.#options.key}/${slot}`;
  }

  #assertSame(found: Fingerprint): void {
    const names = new Set([...Object.keys(found), ...Object.keys(this.#fingerprint)]);
    for (const name of names) {
      const was = JSON.stringify(found[name]);
      const is = JSON.stringify(this.#fingerprint[name]);
      if (was === is) continue;
      throw computeError("CHECKPOINT_MISMATCH", {
        key: this.#options.key,
        what: `its ${name} is ${was}, this one's is ${is}`,
      });
    }
  }
}

/** The end has the step of the state before it. */
function isLater(a: TrainingState, b: TrainingState): boolean {
  return a.step === b.step ? a.done : a.step > b.step;
}

/** Magic, header length, header as JSON, float64 values little-endian, SHA-256 of all before it. */
export function encodeCheckpoint(state: TrainingState, fingerprint: Fingerprint): Uint8Array {
  const entries = Object.entries(state.values);
  const header: Header = {
    fingerprint,
    step: state.step,
    done: state.done,
    layout: entries.map(([name, values]) => [name, values.length]),
  };
  const json = Buffer.from(JSON.stringify(header));
  const bodyBytes = entries.reduce((sum, [, values]) => sum + values.length * 8, 0);
  const start = MAGIC.length + 4 + json.length;
  const bytes = new Uint8Array(start + bodyBytes + DIGEST_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(Buffer.from(MAGIC));
  view.setUint32(MAGIC.length, json.length, true);
  bytes.set(json, MAGIC.length + 4);
  let at = start;
  for (const [, values] of entries) {
    for (const value of values) {
      view.setFloat64(at, value, true);
      at += 8;
    }
  }
  bytes.set(createHash("sha256").update(bytes.subarray(0, at)).digest(), at);
  return bytes;
}

function decodeCheckpoint(bytes: Uint8Array, key: string): { header: Header; state: TrainingState } | undefined {
  const magic = Buffer.from(bytes.subarray(0, MAGIC.length)).toString("latin1");
  if (!MAGIC.startsWith(magic)) {
    throw computeError("CHECKPOINT_UNREADABLE", { key, reason: `it does not begin with ${MAGIC}` });
  }
  const end = bytes.length - DIGEST_BYTES;
  if (end < MAGIC.length + 4) return undefined;
  const digest = createHash("sha256").update(bytes.subarray(0, end)).digest();
  if (!digest.equals(bytes.subarray(end))) return undefined;

  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = MAGIC.length + 4 + view.getUint32(MAGIC.length, true);
  // The digest holds, so the header is as it was written.
  const header = JSON.parse(Buffer.from(bytes.subarray(MAGIC.length + 4, start)).toString()) as Header;
  const values: Record<string, Float64Array> = {};
  let at = start;
  for (const [name, length] of header.layout) {
    const from = at;
    values[name] = Float64Array.from({ length }, (_, i) => view.getFloat64(from + i * 8, true));
    at += length * 8;
  }
  return { header, state: { step: header.step, done: header.done, values } };
}
