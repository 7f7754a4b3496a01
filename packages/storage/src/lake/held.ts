import type { Logger } from "@ashlar/core";
import type { RecordBatch } from "apache-arrow";
import { storageError } from "../errors.ts";
import { assertSeverity, type Expectation, invalid, type Severity } from "../expect/expectation.ts";
import { type Inspection, inspection } from "../expect/inspection.ts";
import { type ExpectationResult, skipped } from "../expect/result.ts";
import { jsonExpectations } from "./json-column.ts";
import { distinctExpectations, keptExpectations } from "./kept-expectations.ts";
import { scan } from "./scan.ts";
import { type TableColumn, typesByName } from "./schema.ts";
import type { LakeContext } from "./stage.ts";
import type { TableState } from "./state.ts";

/** What every operation that brings or changes rows takes. */
export interface HoldOptions {
  /**
   * What the rows must satisfy, beside what the table expects of every write. An update takes none on all rows together,
   * and passes over those of the table. @default nothing
   */
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
  for (const { onViolation } of [options, target]) assertSeverity("onViolation", onViolation);
  return options.onViolation ?? target.onViolation ?? kept.onViolation ?? "fail";
}

export interface Held {
  /** Epoch milliseconds. */
  readonly now: number;
  readonly inspected: Inspection;
  /** The number of expectations in it. */
  readonly expected: number;
  /** Those that are not held against such a write. */
  readonly notHeld: readonly ExpectationResult[];
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
): Promise<Held> {
  const { context, logger, name, expect: own = [] } = target;
  if (rows === "changed") for (const expectation of options.expect ?? []) assertOfRows(expectation);
  const now = context.clock.now();
  const onViolation = severityFor(target, state, options);
  for (const { name: of, severity } of [...own, ...(options.expect ?? [])]) assertSeverity(of, severity);
  const json = jsonChecked ? [] : jsonExpectations(columns, onViolation);
  const { expect: kept } = keptExpectations(state.definition?.configuration ?? {});
  const all = distinctExpectations([...json, ...kept, ...own, ...(options.expect ?? [])], onViolation);
  const isHeld = ({ level }: Expectation): boolean => rows === "brought" || level !== "table";
  const expected = all.filter((expectation) => isHeld(expectation));
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
  const notHeld = all.filter((expectation) => !isHeld(expectation)).map((expectation) => skipped(expectation));
  return { now, inspected: await inspection(expected, write), expected: expected.length, notHeld };
}

/** An update has rows that were changed, and not all of a table or of a write. */
function assertOfRows({ level, name }: Expectation): void {
  if (level !== "table") return;
  const remedy = "Leave it out here, and hold it against writes that bring rows: append, overwrite or merge.";
  throw invalid(name, "it is about all rows of a write together, and an update changes some of a table's", remedy);
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
