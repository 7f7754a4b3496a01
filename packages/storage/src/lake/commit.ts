import { isAshlarError } from "@ashlar/core";
import { storageError } from "../errors.ts";
import type { Action } from "./actions.ts";
import { afterCommit } from "./after-commit.ts";
import { type Conflict, conflictOf, type ReadSet, shapeConflict, shapeOf } from "./conflict.ts";
import { withProtocol } from "./features.ts";
import { withInCommitTimestamp } from "./in-commit-timestamp.ts";
import type { TableLog } from "./log.ts";
import { isPartOf, stateBeyond } from "./overtaken.ts";
import { assertWritable } from "./protocol.ts";
import type { LakeContext } from "./stage.ts";
import { definitionOf, type TableState } from "./state.ts";

/** Identifies an append, so that trying it again after a crash does nothing: the `txn` action of Delta. */
export interface AppendTransaction {
  readonly appId: string;
  /** Grows with every append of this application: a safe integer from 0. */
  readonly version: number;
}

/** By the names that Delta's engines write. */
export type Operation =
  | "ADD COLUMNS"
  | "CHANGE COLUMN"
  | "CREATE TABLE"
  | "DELETE"
  | "DROP COLUMNS"
  | "MERGE"
  | "OPTIMIZE"
  | "RENAME COLUMN"
  | "RESTORE"
  | "SET TBLPROPERTIES"
  | "UPDATE"
  | "UPGRADE PROTOCOL"
  | "WRITE";

export interface CommitRequest {
  readonly operation: Operation;
  /** `operationParameters` of `commitInfo`. @default {} */
  readonly parameters?: Readonly<Record<string, string>>;
  /** `operationMetrics` of `commitInfo`: counts as text, as Delta has them. @default none */
  readonly metrics?: Readonly<Record<string, string>>;
  /** All but `commitInfo` and `txn`. A table that does not exist yet needs `creationActions` among them. */
  readonly actions: readonly Action[];
  /** What was read to decide on the actions; a blind append read nothing. */
  readonly read: ReadSet;
  /** False when the rows are only rearranged (OPTIMIZE). */
  readonly dataChange: boolean;
  readonly transaction?: AppendTransaction;
  /** What stands in `commitInfo` beside the engine's own facts. @default {} */
  readonly info?: Readonly<Record<string, unknown>>;
  /** Epoch milliseconds. */
  readonly now: number;
  readonly signal?: AbortSignal;
}

/**
 * Writes the next version of a table, unless somebody else did: then what has been committed since is read, and the
 * commit stands behind it, or not, by the conflict rules of Delta. `state` is what the request was decided on; it is
 * moved on to what was found.
 *
 * That the entry could be written does not prove that the version was free: others may have committed it and cleaned the
 * log up since. Whoever does leaves a checkpoint beyond it, so that `_last_checkpoint` is asked before anything is
 * acknowledged.
 *
 * @returns the version, or "repeated" when the transaction had been committed before
 * @throws COMMIT_CONFLICT, PROTOCOL_UNSUPPORTED, TABLE_READ_ONLY
 */
export async function commit(
  context: LakeContext,
  log: TableLog,
  state: TableState,
  request: CommitRequest,
): Promise<{ readonly version: number } | "repeated"> {
  const { signal } = request;
  const commitId = crypto.randomUUID();
  let { actions } = request;
  for (;;) {
    signal?.throwIfAborted();
    if (isRepeated(state, request.transaction)) return "repeated";
    if (state.protocol && state.definition) assertWritable(state.table, state.protocol, state.definition);
    const version = state.version + 1;
    const planned = entryOf({ ...request, actions: withProtocol(state.protocol, actions) }, commitId);
    const entry = await withInCommitTimestamp(log, state, planned, context.clock.now());
    const at = context.states.moment();
    const before = state.definition;
    const info = await log.write(version, entry, signal);
    if (info !== undefined) {
      const passed = await stateBeyond(log, state.table, version);
      if (passed === undefined) await afterCommit(context, log, state, { version, actions: entry, info, at });
      if (passed === undefined || isPartOf(passed, entry)) return { version };
      await log.withdraw(info);
      standBehind(passed, state, request);
      continue;
    }
    const winners: Action[][] = [];
    try {
      await state.advance(log, { ...(signal ? { signal } : {}), onEntry: (entry) => winners.push(entry) });
    } catch (error) {
      // The place may be taken by an entry that somebody left in a hole.
      const passed = isAshlarError(error, "LOG_CORRUPT") ? await stateBeyond(log, state.table, version) : undefined;
      if (passed === undefined) throw error;
      if (isPartOf(passed, entry)) return { version };
      standBehind(passed, state, request);
      continue;
    }
    // An answer may be lost after the entry was written: then the winner is this very commit.
    if (await wrote(log, version, commitId)) return { version };
    if (isRepeated(state, request.transaction)) return "repeated";
    const read = state.definition;
    if (before === undefined || read === undefined) actions = withoutCreation(request, state);
    else assertStands(state, conflictAmong(before, read, { ...request, actions }, winners), request);
  }
}

/** What this library writes into `commitInfo` itself. */
const ownFacts: ReadonlySet<string> = new Set([
  "engineInfo",
  "inCommitTimestamp",
  "isBlindAppend",
  "operation",
  "operationMetrics",
  "operationParameters",
  "timestamp",
  "txnId",
]);

/** Refuses what would make the log unreadable, or lie about the commit. @throws OPTION_INVALID */
export function assertCommittable({ transaction, commitInfo = {} }: CommitOptions): void {
  const invalid = (option: string, value: unknown, rule: string): Error =>
    storageError("OPTION_INVALID", { option, value: String(value), rule });
  if (transaction !== undefined) {
    const { appId, version } = transaction;
    if (typeof appId !== "string" || appId === "") throw invalid("transaction.appId", appId, "it must be a text");
    if (!Number.isSafeInteger(version) || version < 0)
      throw invalid("transaction.version", version, "it must be a whole number from 0, below 2^53");
  }
  for (const [name, value] of Object.entries(commitInfo)) {
    if (ownFacts.has(name)) throw invalid(`commitInfo.${name}`, value, "the library writes this itself");
    if (!["string", "boolean"].includes(typeof value) && !Number.isFinite(value))
      throw invalid(`commitInfo.${name}`, value, "it must be a text, a finite number, true or false");
  }
}

/** What a caller may have noted with a commit. */
interface CommitOptions {
  readonly transaction?: AppendTransaction;
  readonly commitInfo?: Readonly<Record<string, string | number | boolean>>;
}

export function isRepeated(state: TableState, transaction: AppendTransaction | undefined): boolean {
  return transaction !== undefined && (state.transactions.get(transaction.appId)?.version ?? -1) >= transaction.version;
}

function conflictAmong(
  before: TableState["definition"] & object,
  after: TableState["definition"] & object,
  request: CommitRequest,
  winners: readonly (readonly Action[])[],
): Conflict | undefined {
  for (const winner of winners) {
    const conflict = conflictOf(before, request, winner);
    if (conflict !== undefined) return conflict;
  }
  return shapeConflict(before, after);
}

/**
 * Moves the state on to one behind versions that nobody can look into any more: only a blind append can stand there.
 *
 * @throws COMMIT_CONFLICT
 */
function standBehind(passed: TableState, state: TableState, request: CommitRequest): void {
  const before = state.definition;
  state.become(passed);
  const after = state.definition;
  const isBlind = request.read === "nothing" && before !== undefined && after !== undefined;
  const reason = "what was committed since the table was read has been cleaned up";
  const conflict = isBlind ? shapeConflict(before, after) : ({ kind: "logCleanedUp", reason } as const);
  assertStands(state, conflict, request);
}

/** Somebody else created the table meanwhile: as this one would have, then only the rest of the actions is needed. */
function withoutCreation(request: CommitRequest, state: TableState): readonly Action[] {
  const metaData = request.actions.find((action) => action.metaData !== undefined)?.metaData;
  const own = metaData && definitionOf(metaData, "the new table");
  const same = own && state.definition && shapeOf(own) === shapeOf(state.definition);
  if (!same || request.read !== "nothing" || !request.actions.some((action) => action.add !== undefined)) {
    const reason =
      "it created the table, whose columns, partitions or expectations are not those the rows were written for";
    assertStands(state, { kind: "metadataChanged", reason }, request);
  }
  return request.actions.filter((action) => action.metaData === undefined && action.protocol === undefined);
}

function assertStands({ table, version }: TableState, conflict: Conflict | undefined, request: CommitRequest): void {
  if (conflict === undefined) return;
  throw storageError("COMMIT_CONFLICT", { table, operation: request.operation, version, ...conflict });
}

function entryOf(request: CommitRequest, commitId: string): Action[] {
  const { operation, parameters = {}, metrics, actions, read, transaction, info, now } = request;
  const commitInfo = {
    timestamp: now,
    operation,
    operationParameters: parameters,
    ...(metrics === undefined ? {} : { operationMetrics: metrics }),
    isBlindAppend: read === "nothing" && actions.every((action) => action.remove === undefined),
    engineInfo: "ashlar-storage",
    txnId: commitId,
    ...info,
  };
  const txn = transaction === undefined ? [] : [{ txn: { ...transaction, lastUpdated: now } }];
  return [{ commitInfo }, ...txn, ...actions];
}

async function wrote(log: TableLog, version: number, commitId: string): Promise<boolean> {
  const actions = await log.read(version);
  return actions.some((action) => action.commitInfo?.["txnId"] === commitId);
}
