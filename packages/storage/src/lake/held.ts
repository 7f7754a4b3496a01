import type { Logger } from "@ashlar/core";
import type { RecordBatch } from "apache-arrow";
import { storageError } from "../errors.ts";
import type { Expectation, Severity } from "../expect/expectation.ts";
import { type Inspection, inspection } from "../expect/inspection.ts";
import { jsonExpectations } from "./json-column.ts";
import { distinctExpectations, keptExpectations } from "./kept-expectations.ts";
import { scan } from "./scan.ts";
import { type TableColumn, typesByName } from "./schema.ts";
import type { LakeContext } from "./stage.ts";
import type { TableState } from "./state.ts";

/** What every operation that brings or changes rows takes. */
export interface HoldOptions {
  /** What the rows must satisfy, beside what the table expects of every write. @default nothing */
  readonly expect?: readonly Expectation[];
  /**
   * What becomes of rows that break an expectation which does not say itself. `fail` commits nothing. `quarantine` writes
   * them with the reasons into the table `<name>__quarantine`, before the good ones are committed; what is expected of all
   * rows together fails all the same. `warn` writes them and logs. @default that of the table, else "fail"
   */
  readonly onViolation?: Severity;
  /** Names the write in the quarantine and in the table's expectation history. @default a random UUID */
  readonly run?: string;
}

/** The table object that a write goes through. */
export interface HoldTarget {
  readonly context: LakeContext;
  readonly logger: Logger;
  readonly name: string;
  /** What it was told to expect of every write, beside what the table keeps. */
  readonly expect?: readonly Expectation[];
  readonly onViolation?: Severity;
}

export type Remaining = (columns: readonly string[]) => AsyncIterable<RecordBatch>;

export interface Holding {
  /** The rows that stay beside those of the write. @default all that were there */
  readonly remaining?: Remaining;
  /** Whether the write brings rows that can be judged together, or merely changes some. */
  readonly rows: "brought" | "changed";
  /** Whether texts that are not JSON were refused already. @default false */
  readonly jsonChecked?: boolean;
}

/** What becomes of a violation where an expectation does not say. @throws EXPECTATION_INVALID */
export function severityFor(target: HoldTarget, state: TableState, options: HoldOptions): Severity {
  const kept = keptExpectations(state.definition?.configuration ?? {});
  return options.onViolation ?? target.onViolation ?? kept.onViolation ?? "fail";
}

/**
 * The expectations that the table keeps, those of the table object and those of the write, made ready for its columns.
 *
 * @throws EXPECTATION_INVALID, COLUMN_UNKNOWN, PREDICATE_INVALID
 */
export async function holdExpectations(
  target: HoldTarget,
  state: TableState,
  columns: readonly TableColumn[],
  options: HoldOptions & { readonly signal?: AbortSignal },
  { remaining, rows, jsonChecked = false }: Holding,
): Promise<{ readonly now: number; readonly inspected: Inspection; readonly expected: number }> {
  const { context, logger, name, expect: own = [] } = target;
  const now = context.clock.now();
  const onViolation = severityFor(target, state, options);
  const json = jsonChecked ? [] : jsonExpectations(columns, onViolation);
  const { expect: kept } = keptExpectations(state.definition?.configuration ?? {});
  const all = distinctExpectations([...json, ...kept, ...own, ...(options.expect ?? [])], onViolation);
  const expected = rows === "brought" ? all : all.filter(({ level }) => level !== "table");
  const previous = previousRows(context, state, options.signal);
  const write = {
    table: name,
    types: typesByName(columns),
    now,
    previous,
    ...(remaining === undefined ? {} : { remaining }),
    onViolation,
    logger,
  };
  return { now, inspected: await inspection(expected, write), expected: expected.length };
}

function previousRows(context: LakeContext, state: TableState, signal: AbortSignal | undefined): Remaining | undefined {
  const { definition } = state;
  if (definition === undefined) return undefined;
  return (wanted) => {
    // A column that the write adds has no rows before it.
    const known = wanted.every((column) => definition.columns.some((other) => other.name === column));
    return known ? scan(context, state, { columns: wanted, ...(signal ? { signal } : {}) }) : noRows();
  };
}

export async function* noRows(): AsyncGenerator<never> {}

/** For operations that cannot tell before the last row came which rows stay. */
export function unknownRows(table: string, expectation: string, remedy: string): Error {
  const problem = `it is not known which rows of "${table}" stay beside those of the write`;
  return storageError("EXPECTATION_INVALID", { expectation, problem, remedy });
}
