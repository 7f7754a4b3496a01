import type { Action } from "./actions.ts";
import type { AppendTransaction } from "./commit.ts";
import type { TableLog } from "./log.ts";
import type { TableState } from "./state.ts";

/** What a version noted of its operation: `operationMetrics` of its `commitInfo`, as numbers. */
export interface EarlierCommit {
  readonly version: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly actions: readonly Action[];
}

/** The commit that a repeated transaction repeats. Its metrics are empty when its log entry has been cleaned up. */
export async function earlierCommit(
  state: TableState,
  log: TableLog,
  transaction: AppendTransaction | undefined,
): Promise<EarlierCommit> {
  const version = await versionOf(state, log, transaction?.appId ?? "");
  if (version === undefined) return { version: state.version, metrics: {}, actions: [] };
  const actions = await log.read(version);
  const info = actions.find((action) => action.commitInfo)?.commitInfo;
  const metrics = Object.entries((info?.["operationMetrics"] ?? {}) as Readonly<Record<string, unknown>>);
  return { version, metrics: Object.fromEntries(metrics.map(([name, value]) => [name, Number(value)])), actions };
}

async function versionOf(state: TableState, log: TableLog, appId: string): Promise<number | undefined> {
  const committed = state.transactions.get(appId)?.committed;
  if (committed !== undefined) return committed;
  // Only a checkpoint remembers it: its entry is among those that are still there.
  for (const { version } of (await log.list({ until: state.version })).commits.toReversed()) {
    if ((await log.read(version)).some((action) => action.txn?.appId === appId)) return version;
  }
  return undefined;
}
