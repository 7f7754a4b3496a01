import { isAshlarError } from "@ashlar/core";
import { storageError } from "../errors.ts";
import type { Action, AddFile, RemoveFile } from "./actions.ts";
import { type AppendTransaction, assertCommittable, commit, isRepeated, type Operation } from "./commit.ts";
import type { ReadSet } from "./conflict.ts";
import { assertWritable } from "./protocol.ts";
import { earlierCommit } from "./repeat.ts";
import { type LakeContext, Stage, type StageOptions } from "./stage.ts";
import type { Definition, TableState } from "./state.ts";

/** What every operation on the rows of a table takes. */
export interface ChangeOptions {
  /** Makes the operation idempotent: done again, it does nothing and answers as the first time. */
  readonly transaction?: AppendTransaction;
  /** Kept with the version, for its history. @default {} */
  readonly commitInfo?: Readonly<Record<string, string | number | boolean>>;
  readonly signal?: AbortSignal;
}

/** How often an operation that lost to another one is planned again, from what the table has become. */
export const replans = 5;

export type Metrics = Readonly<Record<string, number>>;

/** What an operation is to commit. */
export interface Planned<Counts extends Metrics> {
  readonly operation: Operation;
  readonly parameters: Readonly<Record<string, string>>;
  readonly metrics: Counts;
  /** What stands in `commitInfo` beside what the caller wants there. @default nothing */
  readonly info?: Readonly<Record<string, string>>;
  readonly actions: readonly Action[];
  readonly read: ReadSet;
  readonly dataChange: boolean;
}

/** A table at the version that an operation starts from. */
export interface Base {
  readonly state: TableState;
  readonly definition: Definition;
  readonly stages: Stages;
  readonly now: number;
  readonly signal: AbortSignal | undefined;
}

/** The stages of one try of an operation. */
export class Stages implements AsyncDisposable {
  readonly #context: LakeContext;
  readonly #table: string;
  readonly #stages: Stage[] = [];
  readonly #adopted: Pick<Stage, "offer" | "withdraw">[] = [];

  constructor(context: LakeContext, table: string) {
    this.#context = context;
    this.#table = table;
  }

  open(options: StageOptions): Stage {
    const stage = new Stage(this.#context, this.#table, options);
    this.#stages.push(stage);
    return stage;
  }

  /** Files that outlive a try: they are offered and withdrawn with the others, but not deleted with them. */
  adopt(files: Pick<Stage, "offer" | "withdraw">): void {
    this.#adopted.push(files);
  }

  offer(): void {
    for (const stage of [...this.#stages, ...this.#adopted]) stage.offer();
  }

  withdraw(): void {
    for (const stage of [...this.#stages, ...this.#adopted]) stage.withdraw();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stage of this.#stages) await stage[Symbol.asyncDispose]();
  }
}

/**
 * Plans an operation and commits it; one that loses to another commit is planned again, up to `replans` times. A plan
 * of no actions changes nothing, unless a transaction has to be noted.
 *
 * @param names the metrics by Delta's names
 */
export async function change<Counts extends Metrics>(
  target: { readonly context: LakeContext; readonly name: string },
  options: ChangeOptions,
  names: Readonly<Record<keyof Counts & string, string>>,
  plan: (base: Base) => Promise<Planned<Counts>>,
): Promise<{ readonly version: number } & Counts> {
  const { context, name } = target;
  const { signal, transaction } = options;
  assertCommittable(options);
  for (let left = replans; ; left--) {
    signal?.throwIfAborted();
    const { log, state } = await context.states.read(name, signal ? { signal } : {});
    const earlier = async (): Promise<{ readonly version: number } & Counts> => {
      const { version, metrics } = await earlierCommit(state, log, transaction);
      return { version, ...countsOf(names, metrics) };
    };
    if (isRepeated(state, transaction)) return earlier();
    const { definition, protocol } = state;
    if (definition === undefined || protocol === undefined) throw storageError("TABLE_NOT_FOUND", { table: name });
    assertWritable(name, protocol, definition);
    const now = context.clock.now();
    await using stages = new Stages(context, name);
    const planned = await plan({ state, definition, stages, now, signal });
    if (planned.actions.length === 0 && transaction === undefined)
      return { version: state.version, ...planned.metrics };
    assertRemovable(name, definition, planned);
    stages.offer();
    try {
      const committed = await commit(context, log, state, {
        ...planned,
        metrics: textsOf(names, planned.metrics),
        info: { ...planned.info, ...options.commitInfo },
        now,
        ...(transaction === undefined ? {} : { transaction }),
        ...(signal ? { signal } : {}),
      });
      if (committed !== "repeated") return { version: committed.version, ...planned.metrics };
      stages.withdraw();
      return await earlier();
    } catch (error) {
      if (isRefusal(error)) stages.withdraw();
      if (left === 0 || !isAshlarError(error, "COMMIT_CONFLICT")) throw error;
    }
  }
}

/** An error with which a commit says that it was not made. */
export function isRefusal(error: unknown): boolean {
  return ["COMMIT_CONFLICT", "PROTOCOL_UNSUPPORTED", "TABLE_READ_ONLY"].some((code) => isAshlarError(error, code));
}

/** @throws TABLE_READ_ONLY when rows would go from a table that only grows */
export function assertRemovable(
  table: string,
  { configuration }: Definition,
  { dataChange, actions }: Pick<Planned<Metrics>, "dataChange" | "actions">,
): void {
  if (!dataChange || configuration["delta.appendOnly"] !== "true") return;
  if (actions.every((action) => action.remove === undefined)) return;
  throw storageError("TABLE_READ_ONLY", { table, reason: "its property delta.appendOnly lets no row be removed" });
}

/** The tombstone of a file. */
export function removeOf(file: AddFile, now: number, dataChange = true): RemoveFile {
  const { path, partitionValues, size, deletionVector, tags } = file;
  return {
    path,
    deletionTimestamp: now,
    dataChange,
    extendedFileMetadata: true,
    partitionValues,
    size,
    ...(tags === undefined ? {} : { tags }),
    ...(deletionVector === undefined ? {} : { deletionVector }),
  };
}

export function textsOf<Counts extends Metrics>(
  names: Readonly<Record<keyof Counts & string, string>>,
  metrics: Counts,
): Record<string, string> {
  return Object.fromEntries(Object.entries<string>(names).map(([own, name]) => [name, String(metrics[own])]));
}

export function countsOf<Counts extends Metrics>(
  names: Readonly<Record<keyof Counts & string, string>>,
  metrics: Metrics,
): Counts {
  return Object.fromEntries(Object.entries<string>(names).map(([own, name]) => [own, metrics[name] ?? 0])) as Counts;
}
