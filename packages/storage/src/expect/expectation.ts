import type { RecordBatch } from "apache-arrow";
import { storageError } from "../errors.ts";
import { type ColumnType, type Value, typeText } from "../parquet/column-type.ts";
import type { Column } from "../parquet/column.ts";

/**
 * What becomes of a write that breaks an expectation: `fail` commits nothing, `quarantine` sets the bad rows aside and
 * commits the others, `warn` commits all and logs.
 */
export type Severity = "fail" | "quarantine" | "warn";

const severities: readonly unknown[] = ["fail", "quarantine", "warn"] satisfies Severity[];

/** @param of what is to have it, for the error. @throws EXPECTATION_INVALID for one that is none */
export function assertSeverity(
  of: string,
  severity: unknown,
  remedy = 'Give "fail", "quarantine" or "warn".',
): asserts severity is Severity | undefined {
  if (severity === undefined || severities.includes(severity)) return;
  throw invalid(of, `there is no severity ${JSON.stringify(severity)}`, remedy);
}

export interface SeverityOption<Allowed extends Severity = Severity> {
  /** @default the write's `onViolation` */
  readonly severity?: Allowed;
}

interface Named {
  /** For messages, the quarantine and the history, e.g. `between("delay", -120, 3000)`. */
  readonly name: string;
  /** What it is an instance of, for the history: `between`. @default "custom" */
  readonly kind?: string;
  /**
   * What it was made of, so that a table can keep it and make it again; the first names its columns. Absent for one
   * with code of its own, which only the table object that was given it can hold.
   */
  readonly args?: readonly unknown[];
}

/** What every value of a column is expected to be. Write your own: it is a name, a column and a test. */
export interface ValueExpectation extends Named, SeverityOption {
  readonly level?: "value";
  readonly column: string;
  /** The test of one value, made for the column's type. @throws PREDICATE_INVALID, EXPECTATION_INVALID */
  test(type: ColumnType): (value: Value | null) => boolean;
}

/** What every row is expected to be, by several of its columns, or by the rows before it. */
export interface RowExpectation extends Named, SeverityOption {
  readonly level: "row";
  readonly columns: readonly string[];
  /** Made once for a write. */
  test(write: Write): RowTest | Promise<RowTest>;
}

export interface RowTest {
  /** The test of the rows of one batch, by row number. */
  of(columns: ReadonlyMap<string, Column>): (row: number) => boolean;
  /** Told of each row of the batch that stays in the write, after it was tested. */
  keep?(row: number): void;
}

/** What the rows of a write are expected to be together. It can fail the write, or warn; it can set no row aside. */
export interface TableExpectation extends Named, SeverityOption<"fail" | "warn"> {
  readonly level: "table";
  readonly columns: readonly string[];
  /** Made once for a write. */
  measure(write: Write): Measure | Promise<Measure>;
}

export interface Measure {
  /** Sees the rows that stay in the write. */
  observe(batch: RecordBatch): void;
  finish(): Judgement;
}

export interface Judgement {
  readonly holds: boolean;
  /** What was found; null when there was nothing to judge, and then it holds. */
  readonly observed: number | string | null;
}

export type Expectation = ValueExpectation | RowExpectation | TableExpectation;

/** What an expectation may know of the write that it is held against. */
export interface Write {
  readonly table: string;
  readonly types: ReadonlyMap<string, ColumnType>;
  /** Epoch milliseconds. */
  readonly now: number;
  /** The rows of the table before the write; undefined for a table that does not exist yet. */
  readonly previous: ((columns: readonly string[]) => AsyncIterable<RecordBatch>) | undefined;
  /** Those of them that stay beside the rows of the write, which may replace others. @default all that were before */
  readonly remaining?: (columns: readonly string[]) => AsyncIterable<RecordBatch>;
}

/** What is put into a name. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  if (value instanceof RegExp) return String(value);
  if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
    const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
    return `{ ${entries.map(([key, entry]) => `${key}: ${show(entry)}`).join(", ")} }`;
  }
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** A name as it stands in code. */
export function nameOf(kind: string, ...args: readonly unknown[]): string {
  return `${kind}(${args.map(show).join(", ")})`;
}

export function invalid(expectation: string, problem: string, remedy: string): Error {
  return storageError("EXPECTATION_INVALID", { expectation, problem, remedy });
}

/** @throws EXPECTATION_INVALID for a column of a type that the expectation says nothing about */
export function assertType(
  name: string,
  type: ColumnType,
  allowed: (type: ColumnType) => boolean,
  kinds: string,
): void {
  if (!allowed(type)) throw invalid(name, `the column is of type ${typeText(type)}`, `Give a column of ${kinds}.`);
}

/** Both ends are included; one of them may be left out. */
export interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** @throws EXPECTATION_INVALID for a range without ends, or with none between them */
export function assertRange(name: string, { min, max }: Range): void {
  if (min === undefined && max === undefined) throw invalid(name, "it has no min and no max", "Give one of them.");
  if (!(((min ?? -Infinity) as number) <= (max ?? Infinity))) {
    throw invalid(name, `nothing is from ${min} to ${max}`, "Give a min that is not above the max.");
  }
}

/** NaN is in no range. */
export function inRange(value: number, { min = -Infinity, max = Infinity }: Range): boolean {
  return value >= min && value <= max;
}

/** Only what the caller set, so that it can be spread into an expectation. */
export function severityOf<Allowed extends Severity>({
  severity,
}: SeverityOption<Allowed>): { readonly severity?: Allowed } {
  return severity === undefined ? {} : { severity };
}
