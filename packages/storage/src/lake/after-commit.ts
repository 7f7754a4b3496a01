import { type ObjectInfo, silentLogger } from "@ashlar/core";
import { storageError } from "../errors.ts";
import type { Action } from "./actions.ts";
import { dropExpired, writeCheckpoint } from "./checkpoint-write.ts";
import { cleanUpLog } from "./clean-up.ts";
import type { Moment } from "./latest-states.ts";
import type { TableLog } from "./log.ts";
import { checkpointInterval, cleansLog, logRetention } from "./properties.ts";
import { assertWritable } from "./protocol.ts";
import type { LakeContext } from "./stage.ts";
import type { TableState } from "./state.ts";

/**
 * What follows a commit: its state is remembered, and every tenth version gets a checkpoint, after which expired log
 * entries go. The commit stands whatever becomes of this, so that a failure is logged and the next one tries again; of a
 * large table it is not waited for.
 */
export async function afterCommit(
  context: LakeContext,
  log: TableLog,
  before: TableState,
  entry: {
    readonly version: number;
    readonly actions: readonly Action[];
    readonly info: ObjectInfo;
    readonly at: Moment;
  },
): Promise<void> {
  const { version } = entry;
  try {
    const state = before.copy();
    state.apply(entry.actions, version, entry.info.key);
    const due = version > 0 && version % checkpointInterval(state.definition?.configuration ?? {}) === 0;
    if (due) dropExpired(state, context.clock.now());
    const own = due ? state.copy() : state;
    context.states.remember(state, entry.info.etag, entry.at);
    if (due) await checkpointDue(context, log, own);
  } catch (error) {
    tell(context, before.table, version, error);
  }
}

/** Files from which on a commit does not wait for the checkpoint that follows it. */
const largeTable = 5_000;

async function checkpointDue(context: LakeContext, log: TableLog, state: TableState): Promise<void> {
  const { table, version, files, tombstones } = state;
  const write = (): Promise<void> => writeAndCleanUp(context, log, state);
  if (files.size + tombstones.size < largeTable) return context.checkpoints.now(table, write);
  context.checkpoints.later(table, () => write().catch((error: unknown) => tell(context, table, version, error)));
}

function tell({ logger = silentLogger }: LakeContext, table: string, version: number, error: unknown): void {
  logger.warn({ table, version, error }, "a checkpoint could not be written");
}

/**
 * Writes a checkpoint of a state, and cleans up the log behind it unless the table says otherwise.
 *
 * @throws PROTOCOL_UNSUPPORTED, TABLE_READ_ONLY
 */
export function checkpoint(context: LakeContext, log: TableLog, state: TableState): Promise<void> {
  dropExpired(state, context.clock.now());
  return context.checkpoints.now(state.table, () => writeAndCleanUp(context, log, state));
}

async function writeAndCleanUp(context: LakeContext, log: TableLog, state: TableState): Promise<void> {
  const { table, protocol, definition } = state;
  if (protocol === undefined || definition === undefined) throw storageError("TABLE_NOT_FOUND", { table });
  // What this library cannot write it may not know all the actions of.
  assertWritable(table, protocol, definition);
  const { configuration } = definition;
  const now = context.clock.now();
  await writeCheckpoint(context.objects, log, state);
  if (!cleansLog(configuration)) return;
  // By a clock that is ahead of the store's, young entries would be expired.
  const hint = await context.objects.head(log.lastCheckpointKey);
  const earlier = Math.min(now, hint?.lastModified ?? Infinity);
  await cleanUp(context, log, table, earlier - logRetention(configuration));
}

/** While the oldest entry is too young to go, so are all others: that is one look, however many there are. */
async function cleanUp({ objects, states }: LakeContext, log: TableLog, table: string, before: number): Promise<void> {
  const known = states.oldestVersion(table);
  const oldest = known === undefined ? undefined : await objects.head(log.keyOf(known));
  if (oldest !== undefined && oldest.lastModified >= before) return;
  const left = await cleanUpLog(objects, log, before);
  if (left !== undefined) states.noteOldestVersion(table, left);
}
