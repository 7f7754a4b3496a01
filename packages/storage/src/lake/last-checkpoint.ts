import { createHash } from "node:crypto";
import { isAshlarError, type ObjectStore } from "@ashlar/core";
import { jsonChecksum } from "./canonical-checksum.ts";
import { isRecord } from "./schema.ts";

/** "Last Checkpoint File Schema" of the protocol. */
export interface LastCheckpoint {
  readonly version: number;
  /** Actions. */
  readonly size: number;
  /** Bytes. */
  readonly sizeInBytes: number;
  readonly numOfAddFiles: number;
}

/** Where a reader may begin. */
export interface CheckpointHint {
  readonly version: number;
  /** What its writer noted of the checkpoint, where the hint proves by its own checksum that it is whole. */
  readonly noted?: NotedCheckpoint;
}

export interface NotedCheckpoint extends Partial<LastCheckpoint> {
  readonly version: number;
  /** The SHA-256 of a checkpoint of one file, in hexadecimal. */
  readonly sha256?: string;
}

/** Among the `tags` of the hint, which are free. */
const digestTag = "ashlar.sha256";

/**
 * A hint, and no more: one that is missing, damaged or wrong costs a longer listing. What it notes is believed only when
 * its own `checksum` is there and right.
 */
export async function readLastCheckpoint(objects: ObjectStore, key: string): Promise<CheckpointHint | undefined> {
  return (await findHint(objects, key)).hint;
}

/** The etag is undefined where there is no object; the hint where it says nothing. */
async function findHint(
  objects: ObjectStore,
  key: string,
): Promise<{ readonly etag?: string; readonly hint?: CheckpointHint | undefined }> {
  try {
    const object = await objects.get(key);
    return { etag: object.info.etag, hint: parseHint(await object.bytes()) };
  } catch (error) {
    if (isAshlarError(error, "OBJECT_NOT_FOUND")) return {};
    throw error;
  }
}

function parseHint(bytes: Uint8Array): CheckpointHint | undefined {
  try {
    const hint: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (!isRecord(hint)) return undefined;
    const { version, checksum, tags } = hint;
    if (typeof version !== "number" || !Number.isSafeInteger(version) || version < 0) return undefined;
    if (checksum === undefined) return { version };
    if (checksum !== jsonChecksum(hint)) return undefined;
    const sha256 = isRecord(tags) ? tags[digestTag] : undefined;
    const numbers = ["size", "sizeInBytes", "numOfAddFiles"].filter((name) => typeof hint[name] === "number");
    const noted = Object.fromEntries(numbers.map((name) => [name, Number(hint[name])]));
    return { version, noted: { version, ...noted, ...(typeof sha256 === "string" ? { sha256 } : {}) } };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Points to a checkpoint, but never back from a later one that is there: by the hint a writer learns that the log has
 * moved on, though its entries were cleaned up.
 */
export async function writeLastCheckpoint(
  objects: ObjectStore,
  key: string,
  last: LastCheckpoint,
  checkpoint: Uint8Array,
  isThere: (version: number) => Promise<boolean>,
): Promise<void> {
  const hint = { ...last, tags: { [digestTag]: digestOf(checkpoint) } };
  const body = new TextEncoder().encode(JSON.stringify({ ...hint, checksum: jsonChecksum(hint) }));
  for (;;) {
    const { etag, hint: before } = await findHint(objects, key);
    if (before !== undefined && before.version > last.version && (await isThere(before.version))) return;
    try {
      await objects.put(key, body, etag === undefined ? { ifAbsent: true } : { ifMatch: etag });
      return;
    } catch (error) {
      // Somebody else wrote one meanwhile, or this one, whose answer was lost.
      if (!isAshlarError(error, "PRECONDITION_FAILED")) throw error;
    }
  }
}

/**
 * Why a checkpoint is not the one that was noted; undefined where nothing speaks against it. One of another size was
 * written anew by somebody else: it need not be the same bytes, but the files of a version are the same in each.
 */
export function unlikeNoted(
  noted: NotedCheckpoint,
  found: { readonly bytes: Uint8Array | undefined; readonly adds: number; readonly actions: number },
): string | undefined {
  const { size, sizeInBytes, numOfAddFiles, sha256 } = noted;
  const { bytes, adds, actions } = found;
  const isSame = bytes !== undefined && bytes.byteLength === sizeInBytes;
  if (isSame && sha256 !== undefined && digestOf(bytes) !== sha256)
    return "its SHA-256 is not the one that _last_checkpoint notes";
  if (isSame && size !== undefined && actions !== size)
    return `it holds ${actions} actions, of ${size} that _last_checkpoint notes`;
  if (numOfAddFiles === undefined || adds === numOfAddFiles) return undefined;
  return `it adds ${adds} files, of ${numOfAddFiles} that _last_checkpoint notes`;
}

const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
