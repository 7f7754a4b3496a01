import type { ObjectStore } from "@ashlar/core";
import { isAshlarError } from "@ashlar/core";
import { storageError } from "../errors.ts";
import { problemOf } from "./action-problem.ts";
import { type Action, type AddFile, parseActions, type RemoveFile } from "./actions.ts";
import { type NotedCheckpoint, unlikeNoted } from "./last-checkpoint.ts";
import { type Accessor, readNested } from "./nested-columns.ts";
import { unlikeChecksum } from "./version-checksum.ts";

/** The objects that make up the checkpoint of one version. */
export interface CheckpointFiles {
  readonly version: number;
  /** One, or the parts of a multi-part checkpoint in order. */
  readonly keys: readonly string[];
  /** What the version's own checksum file is called, where there is one. */
  readonly checksumKey?: string;
}

/** What the table is at the version of a checkpoint. */
export interface Checkpoint {
  readonly adds: readonly AddFile[];
  /** Tombstones. */
  readonly removes: readonly RemoveFile[];
  /** protocol, metaData, txn and domainMetadata. */
  readonly others: readonly Action[];
  /** The Parquet file itself, where it is one, with the SHA-256 that was noted of it. */
  readonly proven?: Uint8Array;
}

const fileFields = ["path", "size", "deletionVector", "partitionValues", "dataChange", "tags"];
const rowFields = ["baseRowId", "defaultRowCommitVersion"];
const fields: Readonly<Record<string, readonly string[]>> = {
  add: [...fileFields, ...rowFields, "modificationTime", "stats", "clusteringProvider"],
  remove: [...fileFields, ...rowFields, "deletionTimestamp", "extendedFileMetadata"],
  metaData: ["id", "name", "description", "format", "schemaString", "partitionColumns", "configuration", "createdTime"],
  protocol: ["minReaderVersion", "minWriterVersion", "readerFeatures", "writerFeatures"],
  txn: ["appId", "version", "lastUpdated"],
  domainMetadata: ["domain", "configuration", "removed"],
  sidecar: ["path"],
  checkpointMetadata: ["version"],
};

/**
 * Reads a checkpoint of any of Delta's kinds: classic, multi-part, and V2 (JSON or Parquet, with sidecars), and holds it
 * to what was noted of it.
 *
 * @throws LOG_CORRUPT, naming the file that is damaged or gone
 */
export async function readCheckpoint(
  objects: ObjectStore,
  files: CheckpointFiles,
  noted?: NotedCheckpoint,
): Promise<Checkpoint> {
  const found: Gathered = { adds: [], removes: [], others: [], sidecars: [] };
  let bytes: Uint8Array | undefined;
  for (const key of files.keys) bytes = await gather(objects, key, found);
  const folder = (files.keys[0] ?? "").replace(/[^/]*$/, "");
  for (const path of found.sidecars.splice(0)) {
    if (!/^[\w.-]+$/.test(path)) throw corrupt(files.keys[0] ?? "", `its sidecar "${path}" is not a file name`);
    await gather(objects, `${folder}_sidecars/${path}`, found);
  }
  const whole = files.keys.length === 1 ? bytes : undefined;
  await assertNoted(objects, files, found, noted, whole);
  return whole !== undefined && isProven(files, whole, noted) ? { ...found, proven: whole } : found;
}

/** Whether the bytes are known to be those that were written, now that nothing speaks against them. */
function isProven({ version, keys }: CheckpointFiles, whole: Uint8Array, noted: NotedCheckpoint | undefined): boolean {
  const isNoted = noted?.version === version && noted.sha256 !== undefined && noted.sizeInBytes === whole.byteLength;
  return isNoted && keys[0]?.endsWith(".parquet") === true;
}

/** @throws LOG_CORRUPT */
async function assertNoted(
  objects: ObjectStore,
  { keys, version, checksumKey }: CheckpointFiles,
  { adds, removes, others }: Checkpoint,
  noted: NotedCheckpoint | undefined,
  bytes: Uint8Array | undefined,
): Promise<void> {
  const actions = adds.length + removes.length + others.length;
  const problem =
    (noted?.version === version ? unlikeNoted(noted, { bytes, adds: adds.length, actions }) : undefined) ??
    (checksumKey === undefined ? undefined : await unlikeChecksum(objects, checksumKey, adds));
  if (problem !== undefined) throw corrupt(keys[0] ?? "", problem);
}

interface Gathered {
  readonly adds: AddFile[];
  readonly removes: RemoveFile[];
  readonly others: Action[];
  readonly sidecars: string[];
}

async function gather(objects: ObjectStore, file: string, into: Gathered): Promise<Uint8Array> {
  const bytes = await bytesOf(objects, file);
  if (file.endsWith(".json")) {
    for (const action of parseActions(file, bytes)) take(action as Record<string, unknown>, into);
    return bytes;
  }
  const { rows, columns, unread } = await nestedOf(file, bytes);
  const actions = new Uint8Array(rows);
  for (const [name, accessor] of columns) {
    for (let row = 0; row < rows; row++) if (takeRow(file, name, accessor, row, into)) actions[row]!++;
  }
  // A footer that was damaged can hide a whole column. Of rows that another writer has added for itself nothing is said.
  const odd = unread.length === 0 ? actions.findIndex((count) => count !== 1) : -1;
  if (odd !== -1) throw corrupt(file, `row ${odd} holds ${actions[odd]} actions, where each row has one`);
  return bytes;
}

/** Whether the row has the action. */
function takeRow(file: string, name: string, accessor: Accessor, row: number, into: Gathered): boolean {
  const value = accessor(row);
  if (value === undefined) return false;
  const action = { [name]: withDefaults(name, value as Record<string, unknown>) };
  const problem = problemOf(action);
  if (problem !== undefined) throw corrupt(file, `row ${row}: ${problem}`);
  take(action, into);
  return true;
}

/** Some writers leave an empty map or a false out. */
function withDefaults(name: string, value: Record<string, unknown>): Record<string, unknown> {
  if (name !== "add") return value;
  value["partitionValues"] ??= {};
  value["dataChange"] ??= false;
  return value;
}

function take(action: Record<string, unknown>, into: Gathered): void {
  const { add, remove, sidecar } = action as Action & { readonly sidecar?: { readonly path: string } };
  if (add) into.adds.push(add);
  else if (remove) into.removes.push(remove);
  else if (sidecar) into.sidecars.push(sidecar.path);
  else into.others.push(action);
}

async function nestedOf(file: string, bytes: Uint8Array): Promise<Awaited<ReturnType<typeof readNested>>> {
  const slice = (start: number, end?: number): ArrayBuffer => bytes.slice(start, end).buffer as ArrayBuffer;
  try {
    return await readNested({ byteLength: bytes.byteLength, slice }, fields);
  } catch (cause) {
    throw corrupt(file, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

async function bytesOf(objects: ObjectStore, file: string): Promise<Uint8Array> {
  try {
    return await (await objects.get(file)).bytes();
  } catch (cause) {
    if (isAshlarError(cause, "OBJECT_NOT_FOUND")) throw corrupt(file, "it is missing", cause);
    throw cause;
  }
}

function corrupt(file: string, reason: string, cause?: unknown): Error {
  return storageError("LOG_CORRUPT", { file, reason }, cause === undefined ? {} : { cause });
}
