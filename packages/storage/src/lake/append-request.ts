import type { AddFile } from "./actions.ts";
import type { AppendTransaction, CommitRequest } from "./commit.ts";
import { creationActions } from "./creation.ts";
import type { TableColumn } from "./schema.ts";
import type { TableState } from "./state.ts";

export interface Shape {
  readonly columns: readonly TableColumn[];
  readonly partitionBy: readonly string[];
}

/** What a table is to be made as. */
export interface NewTable extends Shape {
  /** @default none */
  readonly configuration?: Readonly<Record<string, string>>;
}

export interface AppendContext {
  readonly now: number;
  readonly signal: AbortSignal | undefined;
  readonly transaction: AppendTransaction | undefined;
}

/** A blind append: it read nothing but what the columns are, and creates the table where there is none. */
export function appendRequest(
  state: TableState,
  definition: NewTable,
  files: readonly AddFile[],
  { now, signal, transaction }: AppendContext,
): CommitRequest {
  const creation = state.definition === undefined ? creationActions(definition, now) : [];
  return {
    operation: "WRITE",
    parameters: { mode: "Append", partitionBy: JSON.stringify(definition.partitionBy) },
    actions: [...creation, ...files.map((add) => ({ add }))],
    read: "nothing",
    dataChange: true,
    ...(transaction === undefined ? {} : { transaction }),
    now,
    ...(signal ? { signal } : {}),
  };
}
