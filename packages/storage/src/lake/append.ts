import type { Action } from "./actions.ts";
import { appendRequest } from "./append-request.ts";
import { isRefusal, textsOf } from "./change.ts";
import { assertCommittable, commit, isRepeated } from "./commit.ts";
import { metadataAction } from "./evolve.ts";
import { type Intake, type IntakeOptions, type IntakeTarget, type Rows, takeIn } from "./intake.ts";
import type { TableLog } from "./log.ts";
import { assertWritable } from "./protocol.ts";
import { earlierCommit } from "./repeat.ts";
import type { TableState } from "./state.ts";
import { parseStatistics } from "./statistics.ts";

export type AppendOptions = IntakeOptions;

export interface AppendResult {
  readonly version: number;
  /** Rows appended. */
  readonly rows: number;
  readonly files: number;
  /** Rows that went to the quarantine instead. */
  readonly quarantined: number;
}

/** By the names of Delta's `operationMetrics`. */
export const appendMetrics = {
  files: "numFiles",
  rows: "numOutputRows",
  quarantined: "numQuarantinedRows",
} as const;

/** Appends rows as one version. See `LakeTable.append`. */
export async function append(target: IntakeTarget, rows: Rows, options: AppendOptions): Promise<AppendResult> {
  const { context, name } = target;
  const { signal, transaction } = options;
  signal?.throwIfAborted();
  assertCommittable(options);
  const { log, state } = await context.states.read(name, signal ? { signal } : {});
  if (isRepeated(state, transaction)) return earlierResult(state, log, options);
  if (state.protocol !== undefined && state.definition !== undefined)
    assertWritable(name, state.protocol, state.definition);

  await using intake = await takeIn(target, state, rows, options);
  const { files, quarantined } = intake;
  const counts = { rows: intake.rows, files: files.length, quarantined };
  if (files.length === 0 && transaction === undefined && state.definition !== undefined) {
    return { version: state.version, ...counts };
  }
  const now = context.clock.now();
  const request = appendRequest(state, intake.definition, files, { now, signal, transaction });
  intake.offer();
  try {
    const committed = await commit(context, log, state, {
      ...request,
      ...evolution(state, intake, request.actions),
      metrics: textsOf(appendMetrics, counts),
      info: { ...intake.info, ...options.commitInfo },
    });
    if (committed !== "repeated") return { version: committed.version, ...counts };
    intake.withdraw();
    return await earlierResult(state, log, options);
  } catch (error) {
    if (isRefusal(error)) intake.withdraw();
    throw error;
  }
}

/** An append that adds columns is no longer a blind one: whoever else changes them meanwhile makes it lose. */
function evolution(
  { definition }: TableState,
  { evolution: added, definition: { columns } }: Intake,
  actions: readonly Action[],
): { readonly actions?: readonly Action[]; readonly read?: "definition" } {
  if (definition === undefined || added.length === 0) return {};
  return { actions: [metadataAction({ ...definition, columns }), ...actions], read: "definition" };
}

/** What the append that this one repeats had answered, from its log entry. */
async function earlierResult(state: TableState, log: TableLog, { transaction }: AppendOptions): Promise<AppendResult> {
  const { version, metrics, actions } = await earlierCommit(state, log, transaction);
  const adds = actions.flatMap((action) => action.add ?? []);
  const rows = adds.reduce((sum, add) => sum + (parseStatistics(add.stats).rows ?? 0), 0);
  return { version, rows, files: adds.length, quarantined: metrics[appendMetrics.quarantined] ?? 0 };
}
