import { storageError } from "../errors.ts";
import type { Action, DeletionVectorDescriptor } from "./actions.ts";
import { vectorKey } from "./deletion-vector.ts";
import { keyInTable } from "./logical-file.ts";
import type { TableLog } from "./log.ts";
import { deletedFileRetention } from "./properties.ts";
import { assertWritable } from "./protocol.ts";
import type { LakeContext } from "./stage.ts";
import type { TableState } from "./state.ts";
import { parseInterval } from "./time.ts";

export interface VacuumOptions {
  /** `"7d"`, `"36h"`, or milliseconds. @default the table's `delta.deletedFileRetentionDuration`, else 7 days */
  readonly retention?: string | number;
  /** Only say what would be deleted. @default false */
  readonly dryRun?: boolean;
  /** Take a retention shorter than the table's own, which may take files from under readers and writers. @default false */
  readonly force?: boolean;
  readonly signal?: AbortSignal;
}

export interface VacuumResult {
  readonly files: number;
  readonly bytes: number;
  /** The keys in the object store. */
  readonly keys: readonly string[];
}

const deletesAtOnce = 8;
const clockFolder = "_vacuum";
/** Hidden folders in which what is old may go. */
const ownFolders: ReadonlySet<string> = new Set(["_change_data", clockFolder]);

/**
 * Deletes the files below a table that no version within the retention names and that are older than it themselves.
 * A file is younger than the commit that names it, so that a writer whose files are younger than the retention loses
 * none: the files are listed first, and the log is read after them. Left alone are the log, folders that are hidden
 * (`_`, `.`) but for `_change_data`, and tables within the table's folder. Ages are by the store's clock, unless that of
 * this machine is behind it: to know it an object is put into `_vacuum`, and deleted.
 *
 * @throws VACUUM_UNSAFE, FILE_OUTSIDE, PROTOCOL_UNSUPPORTED, TABLE_READ_ONLY
 */
export async function vacuum(context: LakeContext, table: string, options: VacuumOptions = {}): Promise<VacuumResult> {
  const { signal, dryRun = false } = options;
  const { state: before } = await context.states.read(table, signal ? { signal } : {});
  if (before.protocol === undefined || before.definition === undefined) {
    throw storageError("TABLE_NOT_FOUND", { table });
  }
  assertWritable(table, before.protocol, before.definition);
  const cutoff = (await earlierNow(context, table, signal)) - retentionOf(before, options);
  const candidates = await oldFiles(context, before, cutoff, signal);
  const { log, state } = await context.states.read(table, signal ? { signal } : {});
  const needed = await neededKeys(context, log, state, cutoff, signal);
  const doomed = candidates.filter(({ key }) => !needed.has(key));
  if (!dryRun) await deleteAll(context, doomed, signal);
  const bytes = doomed.reduce((sum, { size }) => sum + size, 0);
  return { files: doomed.length, bytes, keys: doomed.map(({ key }) => key) };
}

/** Now by the clock of this machine or of the store, whichever is behind: one that is ahead makes files look old. */
async function earlierNow({ objects, clock }: LakeContext, table: string, signal?: AbortSignal): Promise<number> {
  const [key, call] = [`${table}/${clockFolder}/${crypto.randomUUID()}`, signal ? { signal } : {}];
  await objects.put(key, new Uint8Array(), call);
  try {
    const info = await objects.head(key, call);
    return Math.min(clock.now(), info?.lastModified ?? Infinity);
  } finally {
    await objects.delete(key);
  }
}

function retentionOf({ table, definition }: TableState, { retention, force = false }: VacuumOptions): number {
  const least = deletedFileRetention(definition?.configuration ?? {});
  if (retention === undefined) return least;
  const asked = typeof retention === "number" ? retention : (parseInterval(retention) ?? Number.NaN);
  const valid = asked >= 0 && Number.isFinite(asked);
  if (valid && (asked >= least || force)) return asked;
  const rule = valid
    ? `shorter than the ${least} ms for which the table keeps removed files`
    : 'no length of time such as "7d" or a number of milliseconds';
  throw storageError("VACUUM_UNSAFE", { table, retention: String(retention), rule });
}

interface OldFile {
  readonly key: string;
  readonly size: number;
}

async function oldFiles(
  { objects }: LakeContext,
  { table, definition }: TableState,
  cutoff: number,
  signal: AbortSignal | undefined,
): Promise<OldFile[]> {
  const found: OldFile[] = [];
  const tables = new Set<string>();
  const partitions = new Set(definition?.partitionBy);
  for await (const { key, size, lastModified } of objects.list(`${table}/`, signal ? { signal } : {})) {
    const folders = key
      .slice(table.length + 1)
      .split("/")
      .slice(0, -1);
    const log = folders.indexOf("_delta_log");
    if (log > 0) tables.add(folders.slice(0, log).join("/"));
    if (lastModified < cutoff && !isHidden(key.slice(table.length + 1).split("/"), partitions))
      found.push({ key, size });
  }
  const isOther = (key: string): boolean => [...tables].some((other) => key.startsWith(`${table}/${other}/`));
  return tables.size === 0 ? found : found.filter(({ key }) => !isOther(key));
}

/** A partition column may begin with an underscore: then its folders do, too, and are not hidden. */
function isHidden(segments: readonly string[], partitions: ReadonlySet<string>): boolean {
  return segments.some((segment, index) => {
    if (segment.startsWith(".")) return true;
    if (!segment.startsWith("_") || (index === 0 && ownFolders.has(segment))) return false;
    return !partitions.has(segment.slice(0, Math.max(0, segment.indexOf("="))));
  });
}

/** Everything that the latest version or any within the retention names. */
async function neededKeys(
  { objects }: LakeContext,
  log: TableLog,
  state: TableState,
  cutoff: number,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<string>> {
  const needed = new Set<string>();
  const keep = (file: { readonly path: string; readonly deletionVector?: DeletionVectorDescriptor }): void => {
    const key = keyInTable(state.table, file.path);
    needed.add(key);
    const { deletionVector: vector } = file;
    if (vector === undefined || vector.storageType === "i") return;
    needed.add(vectorKey(objects, { table: state.table, version: state.version, file: key }, vector));
  };
  for (const file of state.files.values()) keep(file);
  for (const file of state.tombstones.values()) if ((file.deletionTimestamp ?? 0) >= cutoff) keep(file);
  // What was removed within the retention was there before; checkpoints may have forgotten it already.
  for (const { version, modified } of (await log.list(signal ? { signal } : {})).commits) {
    if (modified < cutoff || version > state.version) continue;
    for (const action of await log.read(version, signal)) filesOf(action).forEach(keep);
  }
  return needed;
}

const filesOf = ({ add, remove, cdc }: Action): { readonly path: string }[] =>
  [add, remove, cdc].filter((file) => file !== undefined);

async function deleteAll(
  { objects }: LakeContext,
  doomed: readonly OldFile[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let start = 0; start < doomed.length; start += deletesAtOnce) {
    signal?.throwIfAborted();
    await Promise.all(doomed.slice(start, start + deletesAtOnce).map(({ key }) => objects.delete(key)));
  }
}
