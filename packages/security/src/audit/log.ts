import {
  type AuditEvent,
  type AuditReceipt,
  type AuditSink,
  type Clock,
  type ObjectStore,
  systemClock,
} from "@ashlar/core";
import { securityError } from "../errors.ts";
import { type Checkpoint, openCheckpoint, signCheckpoint } from "./checkpoint.ts";
import { decodeEvent, encodeEvent } from "./event.ts";
import { fileJournal } from "./file-journal.ts";
import { type BatchPlace, decodeBatch, encodeBatch, type Journal } from "./journal.ts";
import { leafHash, type MerkleTree, merkleTree } from "./merkle.ts";
import type { NoteSigner } from "./note.ts";
import { objectJournal } from "./object-journal.ts";
import type { ConsistencyProof, InclusionProof } from "./proof.ts";

/** Where a log stands: a folder of this machine, or an object store. */
export type AuditLogPlace =
  | { readonly directory: string; readonly objects?: undefined }
  | {
      readonly objects: ObjectStore;
      /** Keys of the log begin with it. @default "audit" */
      readonly prefix?: string;
      readonly directory?: undefined;
    };

export type AuditLogOptions = AuditLogPlace & {
  /** Signs the checkpoints. */
  readonly signer: NoteSigner;
  /** Names the log in its checkpoints. @default the signer's name */
  readonly origin?: string;
  /** How often, at most, the checkpoint beside the log is replaced. @default 1_000 */
  readonly checkpointIntervalMs?: number;
  /** @default the system clock */
  readonly clock?: Clock;
};

export interface AuditEntry {
  readonly index: number;
  readonly event: AuditEvent;
}

/** An append-only log with proofs. Closing it publishes its last checkpoint. */
export interface AuditLog extends AuditSink, AsyncDisposable {
  /** Entries that are durable. */
  readonly size: number;
  /** Bytes of a torn write that opening cut away; nobody was told that they were saved. */
  readonly recoveredBytes: number;
  /** The signed checkpoint over all durable entries: hand it to a witness. */
  checkpoint(): string;
  /** Events from index `from` (0) up to, not including, `to` (the size). */
  entries(range?: { readonly from?: number; readonly to?: number }): AsyncIterable<AuditEntry>;
  /** @throws PROOF_OUT_OF_RANGE */
  inclusionProof(index: number, size?: number): InclusionProof;
  /** @throws PROOF_OUT_OF_RANGE */
  consistencyProof(from: number, to?: number): ConsistencyProof;
}

/** Entries and bytes that share one write. */
const maxBatchEntries = 1024;
const maxBatchBytes = 4 * 1024 * 1024;

/**
 * Opens an audit log, making it if need be. Appends that wait together share one write, one signature and one sync;
 * each resolves when its entry and the checkpoint over it are durable. A torn last write is cut away.
 *
 * After a write fails, the log takes no more records (AUDIT_UNAVAILABLE): what the disk holds is known only after it
 * is opened again. Hashes are held in memory, 64 bytes an entry.
 *
 * @throws AUDIT_LOG_IN_USE, AUDIT_LOG_CORRUPT, NOTE_INVALID, INVALID_OPTION
 */
export async function createAuditLog(options: AuditLogOptions): Promise<AuditLog> {
  const { signer, origin = signer.name, checkpointIntervalMs = 1_000, clock = systemClock } = options;
  const journal = journalOf(options);
  const held = await journal.open();
  try {
    const state = await recover(journal, { origin, publicKey: signer.publicKey });
    const log = new Log({ journal, held, signer, origin, checkpointIntervalMs, clock }, state);
    await log.begin();
    return log;
  } catch (error) {
    await held[Symbol.asyncDispose]();
    throw error;
  }
}

export function journalOf(place: AuditLogPlace): Journal {
  if (place.directory !== undefined) return fileJournal(place.directory);
  return objectJournal(place.objects, place.prefix ?? "audit");
}

interface State {
  readonly tree: MerkleTree;
  readonly batches: { first: number; place: BatchPlace }[];
  readonly recoveredBytes: number;
  note: string | undefined;
}

async function recover(journal: Journal, key: { origin: string; publicKey: string }): Promise<State> {
  const corrupt = (problem: string): Error => securityError("AUDIT_LOG_CORRUPT", { log: journal.name, problem });
  const tree = merkleTree();
  const batches: State["batches"] = [];
  let note: string | undefined;
  const scan = journal.scan();
  let step = await scan.next();
  for (; !step.done; step = await scan.next()) {
    batches.push({ first: tree.size, place: step.value.place });
    for (const entry of step.value.entries) tree.append(leafHash(entry));
    note = step.value.note;
    // Every checkpoint is verified by verifyAuditLog; to open a log, sizes that add up and the last one are enough.
  }
  if (note !== undefined) {
    const last = openCheckpoint(note, key);
    if (last.size !== tree.size || !agrees(last, tree)) throw corrupt("its last checkpoint is not over its entries");
  }
  const { bytes, holdsCheckpoint } = step.value;
  if (holdsCheckpoint) throw corrupt(`${bytes} bytes after entry ${tree.size - 1} do not follow on it`);
  const beside = await journal.readCheckpoint();
  if (beside !== undefined && !agrees(openCheckpoint(beside, key), tree)) {
    throw corrupt(`its ${tree.size} entries are not those of the checkpoint beside it`);
  }
  if (bytes > 0) await journal.cutRemains();
  return { tree, batches, note, recoveredBytes: bytes };
}

/** True when the tree holds the entries that the checkpoint is over. */
export function agrees({ size, root }: Checkpoint, tree: MerkleTree): boolean {
  return size <= tree.size && Buffer.compare(tree.root(size), root) === 0;
}

interface Waiting {
  readonly entry: Uint8Array;
  resolve(receipt: AuditReceipt): void;
  reject(error: unknown): void;
}

interface Setting {
  readonly journal: Journal;
  readonly held: AsyncDisposable;
  readonly signer: NoteSigner;
  readonly origin: string;
  readonly checkpointIntervalMs: number;
  readonly clock: Clock;
}

class Log implements AuditLog {
  readonly #setting: Setting;
  readonly #state: State;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  /** Why the log takes no more records. */
  #stopped: { readonly reason: string; readonly cause?: unknown } | undefined;
  #size: number;
  #publishedAt = -Infinity;
  #publishedNote: string | undefined;

  constructor(setting: Setting, state: State) {
    this.#setting = setting;
    this.#state = state;
    this.#size = state.tree.size;
  }

  get size(): number {
    return this.#size;
  }

  get recoveredBytes(): number {
    return this.#state.recoveredBytes;
  }

  /** A new log begins with a checkpoint over nothing, so that there always is one. */
  async begin(): Promise<void> {
    if (this.#state.note === undefined) await this.#write([]);
    await this.#publish();
  }

  checkpoint(): string {
    return this.#state.note ?? "";
  }

  async append(event: AuditEvent, options?: { readonly signal?: AbortSignal }): Promise<AuditReceipt> {
    options?.signal?.throwIfAborted();
    const entry = encodeEvent(event);
    if (this.#stopped !== undefined) throw this.#unavailable();
    const { promise, resolve, reject } = Promise.withResolvers<AuditReceipt>();
    this.#waiting.push({ entry, resolve, reject });
    this.#writing ??= this.#drain();
    return promise;
  }

  async *entries(range: { readonly from?: number; readonly to?: number } = {}): AsyncGenerator<AuditEntry> {
    const { from = 0, to = this.#size } = range;
    const batches = [...this.#state.batches];
    const size = this.#size;
    for (const [number, { first, place }] of batches.entries()) {
      const next = batches[number + 1]?.first ?? size;
      if (next <= from || next === first) continue;
      if (first >= to) return;
      const { journal } = this.#setting;
      const batch = decodeBatch(await journal.read(place));
      const problem = `the batch of entry ${first} was altered while the log was open`;
      if (batch === undefined) throw securityError("AUDIT_LOG_CORRUPT", { log: journal.name, problem });
      for (const [offset, entry] of batch.entries.entries()) {
        const index = first + offset;
        if (index >= from && index < to) yield { index, event: decodeEvent(entry) };
      }
    }
  }

  inclusionProof(index: number, size: number = this.#size): InclusionProof {
    this.#assertCount("size", size, { from: 1, to: this.#size });
    this.#assertCount("entry", index, { from: 0, to: size - 1 });
    const { tree } = this.#state;
    return { index, size, leafHash: tree.leaf(index), hashes: tree.inclusionProof(index, size) };
  }

  consistencyProof(from: number, to: number = this.#size): ConsistencyProof {
    this.#assertCount("size", to, { from: 0, to: this.#size });
    this.#assertCount("size", from, { from: 0, to });
    return { from, to, hashes: from === 0 ? [] : this.#state.tree.consistencyProof(from, to) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    const failed = this.#stopped !== undefined;
    this.#stopped ??= { reason: "it is closed" };
    try {
      if (!failed) await this.#publish();
    } finally {
      await this.#setting.held[Symbol.asyncDispose]();
    }
  }

  #assertCount(what: string, value: number, { from, to }: { from: number; to: number }): void {
    if (Number.isSafeInteger(value) && value >= from && value <= to) return;
    throw securityError("PROOF_OUT_OF_RANGE", { asked: `${what} ${value}`, size: this.#size });
  }

  #unavailable(): Error {
    const { reason = "it is closed", cause } = this.#stopped ?? {};
    return securityError("AUDIT_UNAVAILABLE", { reason }, { cause });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      // Callers just told of the last batch get a turn to append again; else each batch would have half of them.
      await new Promise((resolve) => setImmediate(resolve));
      const batch = this.#takeBatch();
      try {
        const first = this.#size;
        await this.#write(batch.map(({ entry }) => entry));
        batch.forEach(({ resolve }, offset) => resolve({ index: first + offset }));
        const { clock, checkpointIntervalMs } = this.#setting;
        if (clock.monotonic() - this.#publishedAt >= checkpointIntervalMs) await this.#publish();
      } catch (cause) {
        this.#stopped = { reason: `a write failed: ${(cause as Error).message}`, cause };
        for (const { reject } of [...batch, ...this.#waiting.splice(0)]) reject(this.#unavailable());
      }
    }
    this.#writing = undefined;
  }

  #takeBatch(): Waiting[] {
    let bytes = 0;
    const end = this.#waiting.findIndex(({ entry }, count) => {
      bytes += entry.byteLength;
      return count > 0 && (count >= maxBatchEntries || bytes > maxBatchBytes);
    });
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end);
  }

  async #write(entries: readonly Uint8Array[]): Promise<void> {
    const { journal, signer, origin } = this.#setting;
    const { tree, batches } = this.#state;
    const first = tree.size;
    try {
      for (const entry of entries) tree.append(leafHash(entry));
      const note = await signCheckpoint({ origin, size: tree.size, root: tree.root() }, signer);
      const place = await journal.append(encodeBatch({ entries, note }));
      batches.push({ first, place });
      this.#state.note = note;
      this.#size = tree.size;
    } catch (error) {
      tree.cut(first);
      throw error;
    }
  }

  async #publish(): Promise<void> {
    const { journal, clock } = this.#setting;
    const note = this.checkpoint();
    if (note === this.#publishedNote) return;
    await journal.publishCheckpoint(note);
    this.#publishedNote = note;
    this.#publishedAt = clock.monotonic();
  }
}
