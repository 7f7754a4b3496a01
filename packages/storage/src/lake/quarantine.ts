import { Schema } from "apache-arrow";
import { storageError } from "../errors.ts";
import { quarantineFields } from "../expect/quarantine.ts";
import type { AddFile } from "./actions.ts";
import { type AppendContext, appendRequest, type Shape } from "./append-request.ts";
import { isRefusal, removeOf } from "./change.ts";
import { commit, isRepeated } from "./commit.ts";
import { shapeOf } from "./conflict.ts";
import { columnsFromArrow, type TableColumn } from "./schema.ts";
import { type LakeContext, Stage } from "./stage.ts";
import type { TableState } from "./state.ts";

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

/**
 * Commits what was set aside, before the operation itself is committed: what is in neither table would be lost.
 *
 * @param replaced what an earlier try of the same operation had set aside: it goes
 * @returns the files of the rows; undefined where this operation has committed none
 */
export async function commitQuarantine(
  { context, name }: { readonly context: LakeContext; readonly name: string },
  bad: Stage,
  columns: readonly TableColumn[],
  options: AppendContext,
  replaced?: readonly AddFile[],
): Promise<readonly AddFile[] | undefined> {
  if (bad.rows === 0 && (replaced ?? []).length === 0) return replaced;
  const { log, state } = await context.states.read(quarantineOf(name));
  // The first try that committed has noted the transaction.
  const transaction = replaced === undefined ? options.transaction : undefined;
  if (isRepeated(state, transaction)) return undefined;
  const files = await bad.finish(options.signal);
  const definition = quarantineShape(columns);
  if (state.definition !== undefined) assertSameShape(state, definition);
  const request = appendRequest(state, definition, files, { ...options, transaction });
  const removes = (replaced ?? []).map((file) => ({ remove: removeOf(file, options.now) }));
  bad.offer();
  try {
    const committed = await commit(context, log, state, { ...request, actions: [...removes, ...request.actions] });
    if (committed !== "repeated") return files;
    bad.withdraw();
    return undefined;
  } catch (error) {
    if (isRefusal(error)) bad.withdraw();
    throw error;
  }
}

/** A quarantine that was begun under other columns is no place for these rows. @throws SCHEMA_MISMATCH */
function assertSameShape({ table, definition }: TableState, wanted: Shape): void {
  if (definition === undefined) return;
  const { columns, partitionBy } = definition;
  if (shapeOf({ columns, partitionBy }) === shapeOf(wanted)) return;
  const problem = "its columns are not those of the table and a reason: move this quarantine away first";
  throw storageError("SCHEMA_MISMATCH", { table, problem });
}
