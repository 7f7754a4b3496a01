import { type Frame, decodeFrames, encodeFrame } from "./frame.ts";

/** Entries that were made durable together, and the signed checkpoint over the log up to them. */
export interface Batch {
  readonly entries: readonly Uint8Array[];
  readonly note: string;
}

/** A batch and where it stands. */
export interface PlacedBatch extends Batch {
  readonly place: BatchPlace;
}

/** Opaque: only the journal that gave it understands it. */
export interface BatchPlace {
  readonly at: number;
  readonly length: number;
}

/** What stands after the last whole batch: nothing, the torn end of a write, or the rest of a log that was altered. */
export interface Remains {
  readonly bytes: number;
  /** True when a whole checkpoint stands in it, which the end of a single torn write would not have. */
  readonly holdsCheckpoint: boolean;
}

/** What a log stands on: batches, one after another, each durable in one step. */
export interface Journal {
  /** For messages. */
  readonly name: string;
  /** Takes the journal for this writer, making it if need be. @throws AUDIT_LOG_IN_USE */
  open(): Promise<AsyncDisposable>;
  /** Every whole batch in order; then what remains. */
  scan(): AsyncGenerator<PlacedBatch, Remains>;
  /** Takes away what stands after the last batch that was scanned. */
  cutRemains(): Promise<void>;
  /** Durable when it resolves. @throws AUDIT_LOG_IN_USE when another writer was faster */
  append(batch: Uint8Array): Promise<BatchPlace>;
  read(place: BatchPlace): Promise<Uint8Array>;
  /** The checkpoint kept beside the batches. */
  readCheckpoint(): Promise<string | undefined>;
  publishCheckpoint(note: string): Promise<void>;
}

export function encodeBatch({ entries, note }: Batch): Uint8Array {
  const frames = entries.map((body) => encodeFrame({ kind: "entry", body }));
  return Buffer.concat([...frames, encodeFrame({ kind: "checkpoint", body: Buffer.from(note) })]);
}

/** The batch that bytes hold, whole and alone; else undefined. */
export function decodeBatch(bytes: Uint8Array): Batch | undefined {
  const { frames, length } = decodeFrames(bytes);
  const entries = frames.slice(0, -1);
  const last = frames.at(-1);
  if (length !== bytes.byteLength || last?.kind !== "checkpoint" || entries.some(isCheckpoint)) return undefined;
  return { entries: entries.map(({ body }) => body), note: Buffer.from(last.body).toString() };
}

export function isCheckpoint({ kind }: Frame): boolean {
  return kind === "checkpoint";
}
