import { storageError } from "../errors.ts";
import type { Action, AddFile } from "./actions.ts";
import type { TableLog } from "./log.ts";
import { assertWritable, ownProtocol } from "./protocol.ts";
import { schemaString, type TableColumn } from "./schema.ts";
import type { TableState } from "./state.ts";

/** Identifies an append, so that trying it again after a crash does nothing: the `txn` action of Delta. */
export interface AppendTransaction {
  readonly appId: string;
  /** Grows with every append of this application: a safe integer. */
  readonly version: number;
}

export interface CommitRequest {
  readonly files: readonly AddFile[];
  readonly columns: readonly TableColumn[];
  readonly partitionBy: readonly string[];
  readonly transaction?: AppendTransaction;
  /** What stands in `commitInfo` beside the engine's own facts. */
  readonly info: Readonly<Record<string, unknown>>;
  readonly now: number;
  readonly signal?: AbortSignal;
}

/**
 * Adds files to a table by writing the next log entry, unless somebody else did: then the new entries are read, and
 * the append stands if the table is still what it was written for. "Conflict" by the rules for blind appends.
 *
 * @returns the version, or "repeated" when the transaction was committed meanwhile
 */
export async function commit(state: TableState, log: TableLog, request: CommitRequest): Promise<number | "repeated"> {
  const commitId = crypto.randomUUID();
  for (;;) {
    request.signal?.throwIfAborted();
    if (isRepeated(state, request.transaction)) return "repeated";
    assertUnchanged(state, request);
    const version = state.version + 1;
    if (await log.write(version, actionsOf(state, request, commitId), request.signal)) return version;
    await state.advance(log, request.signal ? { signal: request.signal } : {});
    // An answer may be lost after the entry was written: then the winner is this very append.
    if (await wrote(log, version, commitId)) return version;
  }
}

export function isRepeated(state: TableState, transaction: AppendTransaction | undefined): boolean {
  return transaction !== undefined && (state.transactions.get(transaction.appId)?.version ?? -1) >= transaction.version;
}

function assertUnchanged(state: TableState, { columns, partitionBy }: CommitRequest): void {
  const { table, version, protocol, definition } = state;
  if (protocol === undefined || definition === undefined) return;
  assertWritable(table, protocol, definition);
  const same =
    JSON.stringify([shape(definition.columns), definition.partitionBy]) ===
    JSON.stringify([shape(columns), partitionBy]);
  if (!same) {
    const reason = "its columns or partitions are not those the rows were written for";
    throw storageError("COMMIT_CONFLICT", { table, version, reason });
  }
}

const shape = (columns: readonly TableColumn[]): unknown =>
  columns.map(({ name, type, nullable }) => [name, type, nullable]);

function actionsOf(state: TableState, request: CommitRequest, commitId: string): Action[] {
  const { files, columns, partitionBy, transaction, info, now } = request;
  const commitInfo = {
    timestamp: now,
    operation: "WRITE",
    operationParameters: { mode: "Append", partitionBy: JSON.stringify(partitionBy) },
    isBlindAppend: true,
    engineInfo: "ashlar-storage",
    txnId: commitId,
    ...info,
  };
  const creation: Action[] = [
    { protocol: ownProtocol },
    {
      metaData: {
        id: crypto.randomUUID(),
        format: { provider: "parquet", options: {} },
        schemaString: schemaString(columns),
        partitionColumns: partitionBy,
        configuration: {},
        createdTime: now,
      },
    },
  ];
  return [
    { commitInfo },
    ...(state.definition === undefined ? creation : []),
    ...(transaction === undefined ? [] : [{ txn: { ...transaction, lastUpdated: now } }]),
    ...files.map((add) => ({ add })),
  ];
}

async function wrote(log: TableLog, version: number, commitId: string): Promise<boolean> {
  const actions = await log.read(version);
  return actions.some((action) => action.commitInfo?.["txnId"] === commitId);
}
