import { isAshlarError } from "@ashlar/core";
import { Schema } from "apache-arrow";
import { quarantineFields } from "../expect/quarantine.ts";
import type { AddFile } from "./actions.ts";
import { type AppendContext, appendRequest, type Shape } from "./append-request.ts";
import { isRefusal, removeOf } from "./change.ts";
import { commit, isRepeated } from "./commit.ts";
import { metadataAction } from "./evolve.ts";
import { evolvedQuarantine } from "./quarantine-columns.ts";
import { columnsFromArrow, type TableColumn } from "./schema.ts";
import { type LakeContext, Stage } from "./stage.ts";

const quarantineOf = (table: string): string => `${table}__quarantine`;

/** Rows that one try of an operation sets aside, on their way into the side table. */
export function quarantineStage(context: LakeContext, table: string, columns: readonly TableColumn[]): Stage {
  return new Stage(context, quarantineOf(table), quarantineShape(columns));
}

function quarantineShape(columns: readonly TableColumn[]): Shape {
  const nullable = columns.map(({ name, type }) => ({ name, type, nullable: true, metadata: {} }));
  const reasons = columnsFromArrow("the quarantine", new Schema([...quarantineFields]), "always");
  return { columns: [...nullable, ...reasons], partitionBy: [] };
}

/** How often the columns of a quarantine may change under a write that sets rows aside. */
const largestTries = 5;

/**
 * Commits what was set aside, before the operation itself is committed: what is in neither table would be lost. The
 * quarantine gains the columns that its table has gained since, and wider types; it keeps those that the table dropped or
 * renamed.
 *
 * @param replaced what an earlier try of the same operation had set aside: it goes
 * @returns the files of the rows; undefined where this operation has committed none
 * @throws SCHEMA_MISMATCH, COMMIT_CONFLICT
 */
export async function commitQuarantine(
  target: QuarantinedTable,
  bad: Stage,
  columns: readonly TableColumn[],
  options: AppendContext,
  replaced?: readonly AddFile[],
): Promise<readonly AddFile[] | undefined> {
  if (bad.rows === 0 && (replaced ?? []).length === 0) return replaced;
  for (let tries = 1; ; tries++) {
    try {
      return await tryCommit(target, bad, columns, options, replaced);
    } catch (error) {
      if (tries === largestTries || !isAshlarError(error, "COMMIT_CONFLICT")) throw error;
    }
  }
}

interface QuarantinedTable {
  readonly context: LakeContext;
  readonly name: string;
}

async function tryCommit(
  { context, name }: QuarantinedTable,
  bad: Stage,
  columns: readonly TableColumn[],
  options: AppendContext,
  replaced: readonly AddFile[] | undefined,
): Promise<readonly AddFile[] | undefined> {
  const { log, state } = await context.states.read(quarantineOf(name));
  // The first try that committed has noted the transaction.
  const transaction = replaced === undefined ? options.transaction : undefined;
  if (isRepeated(state, transaction)) return undefined;
  const shape = quarantineShape(columns);
  const { definition } = state;
  const evolved = definition && evolvedQuarantine(state.table, definition, shape);
  const files = await bad.finish(options.signal);
  const request = appendRequest(state, shape, files, { ...options, transaction });
  const removes = (replaced ?? []).map((file) => ({ remove: removeOf(file, options.now) }));
  const metadata = evolved === undefined ? [] : [metadataAction(evolved)];
  const read = evolved === undefined ? request.read : "definition";
  bad.offer();
  try {
    const actions = [...metadata, ...removes, ...request.actions];
    const committed = await commit(context, log, state, { ...request, read, actions });
    if (committed !== "repeated") return files;
    bad.withdraw();
    return undefined;
  } catch (error) {
    if (isRefusal(error)) bad.withdraw();
    throw error;
  }
}
