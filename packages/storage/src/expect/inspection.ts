import type { Logger } from "@ashlar/core";
import type { RecordBatch } from "apache-arrow";
import { storageError } from "../errors.ts";
import { takeRows } from "../parquet/batch.ts";
import type { ColumnCheck } from "../parquet/port.ts";
import { type Column, columnsOf } from "../parquet/column.ts";
import { columnCheckOf } from "./conditions.ts";
import {
  type Expectation,
  invalid,
  type Measure,
  type RowExpectation,
  type RowTest,
  type Severity,
  show,
  type TableExpectation,
  type ValueExpectation,
  type Write,
} from "./expectation.ts";
import type { ExpectationResult } from "./result.ts";
import { surelyHolds } from "./surely-holds.ts";

export interface InspectionOptions extends Write {
  /** What becomes of violations where an expectation does not say. @default "fail" */
  readonly onViolation?: Severity;
  readonly logger: Logger;
}

/** The rows of a batch by what becomes of them. */
export interface Inspected {
  readonly kept?: RecordBatch;
  readonly quarantined?: {
    readonly rows: RecordBatch;
    /** Their numbers in the batch, ascending. */
    readonly numbers: Int32Array;
    readonly reasons: readonly (readonly string[])[];
  };
}

/** Expectations held against one write: every batch, then all of them together. */
export interface Inspection {
  /** @throws EXPECTATION_FAILED */
  inspect(batch: RecordBatch): Inspected;
  /**
   * Rows of the table that were to be replaced and are not, as their successors were set aside: what depends on the
   * rows that stay must hold for them too.
   *
   * @throws EXPECTATION_FAILED
   */
  stay(batch: RecordBatch): void;
  /** All that is asked of a row, as conditions on columns; undefined when some of it can only be looked at here. */
  readonly checks: readonly ColumnCheck[] | undefined;
  /** Counts rows that satisfy the checks and were not looked at here. */
  accept(rows: number): void;
  /** @throws TABLE_EXPECTATION_FAILED */
  finish(): readonly ExpectationResult[];
}

/** Prepares expectations for a write. @throws COLUMN_UNKNOWN, PREDICATE_INVALID, EXPECTATION_INVALID */
export async function inspection(
  expectations: readonly Expectation[],
  options: InspectionOptions,
): Promise<Inspection> {
  const checks: RowCheck[] = [];
  const measured: Measured[] = [];
  for (const expectation of expectations) {
    assertKnown(expectation, options);
    if (expectation.level === "table") measured.push(await measuredOf(expectation, options));
    else checks.push(await checkOf(expectation, options));
  }
  // What depends on the rows that stay comes after what decides on that.
  checks.sort((a, b) => Number(a.test.keep !== undefined) - Number(b.test.keep !== undefined));
  return new WriteInspection(checks, measured, options);
}

interface RowCheck {
  readonly expectation: ValueExpectation | RowExpectation;
  readonly severity: Severity;
  readonly test: RowTest;
  /** The same as a condition on one column, where it is no more than that. */
  readonly column: ColumnCheck | undefined;
  violations: number;
}

interface Measured {
  readonly expectation: TableExpectation;
  readonly severity: Severity;
  readonly measure: Measure;
}

function assertKnown(expectation: Expectation, { types }: InspectionOptions): void {
  for (const column of "columns" in expectation ? expectation.columns : [expectation.column]) {
    if (!types.has(column)) throw storageError("COLUMN_UNKNOWN", { column, known: [...types.keys()] });
  }
}

async function checkOf(expectation: ValueExpectation | RowExpectation, options: InspectionOptions): Promise<RowCheck> {
  const severity = expectation.severity ?? options.onViolation ?? "fail";
  const test = expectation.level === "row" ? await expectation.test(options) : valueTest(expectation, options);
  return { expectation, severity, test, column: columnCheckOf(expectation, options.types), violations: 0 };
}

function valueTest(expectation: ValueExpectation, { types }: InspectionOptions): RowTest {
  const { column } = expectation;
  const type = types.get(column);
  if (type === undefined) throw storageError("COLUMN_UNKNOWN", { column, known: [...types.keys()] });
  const holds = expectation.test(type);
  return {
    of(columns) {
      const values = columns.get(column) as Column;
      return (row) => holds(values.get(row));
    },
  };
}

async function measuredOf(expectation: TableExpectation, options: InspectionOptions): Promise<Measured> {
  const asked = expectation.severity as Severity | undefined;
  if (asked === "quarantine") {
    const problem = "it is about all rows together, and cannot tell which of them to set aside";
    throw invalid(expectation.name, problem, 'Give it the severity "fail" or "warn".');
  }
  const severity = asked ?? (options.onViolation === "warn" ? "warn" : "fail");
  return { expectation, severity, measure: await expectation.measure(options) };
}

class WriteInspection implements Inspection {
  readonly #checks: readonly RowCheck[];
  readonly #measured: readonly Measured[];
  readonly #options: InspectionOptions;
  #rows = 0;
  #kept = 0;

  constructor(checks: readonly RowCheck[], measured: readonly Measured[], options: InspectionOptions) {
    this.#checks = checks;
    this.#measured = measured;
    this.#options = options;
  }

  get checks(): readonly ColumnCheck[] | undefined {
    const checks = this.#checks.map(({ column }) => column);
    return this.#measured.length > 0 || checks.includes(undefined) ? undefined : (checks as readonly ColumnCheck[]);
  }

  accept(rows: number): void {
    this.#rows += rows;
    this.#kept += rows;
  }

  inspect(batch: RecordBatch): Inspected {
    const reasons = this.#reasons(batch);
    this.#rows += batch.numRows;
    const rows = Int32Array.from(reasons.keys()).sort();
    const left = batch.numRows - rows.length;
    const kept = rows.length === 0 ? batch : left === 0 ? undefined : takeRows(batch, without(batch.numRows, rows));
    this.#kept += left;
    if (kept !== undefined) for (const { measure } of this.#measured) measure.observe(kept);
    if (rows.length === 0) return kept === undefined ? {} : { kept };
    const reasonsOf = Array.from(rows, (row) => reasons.get(row) ?? []);
    const quarantined = { rows: takeRows(batch, rows), numbers: rows, reasons: reasonsOf };
    return { ...(kept === undefined ? {} : { kept }), quarantined };
  }

  /** Why each row that is to be set aside is: all reasons, in the order of the expectations. @throws EXPECTATION_FAILED */
  #reasons(batch: RecordBatch): ReadonlyMap<number, readonly string[]> {
    const reasons = new Map<number, string[]>();
    if (this.#checks.length === 0) return reasons;
    const columns = new Map(columnsOf(batch).map((column) => [column.name, column]));
    const failed = new Map<number, RowCheck>();
    const note = (check: RowCheck, row: number): void => {
      check.violations += 1;
      if (check.severity === "fail" && !failed.has(row)) failed.set(row, check);
      if (check.severity !== "quarantine") return;
      const known = reasons.get(row);
      if (known === undefined) reasons.set(row, [check.expectation.name]);
      else known.push(check.expectation.name);
    };
    for (const check of this.#checks) {
      const { column: known } = check;
      if (known !== undefined && surelyHolds(known, columns.get(known.test.column) as Column)) continue;
      const holds = check.test.of(columns);
      for (let row = 0; row < batch.numRows; row++) {
        if (!holds(row)) note(check, row);
        if (check.test.keep !== undefined && !reasons.has(row)) check.test.keep(row);
      }
    }
    this.#assertNone(failed, columns);
    return reasons;
  }

  stay(batch: RecordBatch): void {
    const columns = new Map(columnsOf(batch).map((column) => [column.name, column]));
    for (const check of this.#checks) {
      if (check.test.keep === undefined) continue;
      const failed = new Map<number, RowCheck>();
      const holds = check.test.of(columns);
      for (let row = 0; row < batch.numRows; row++) {
        if (!holds(row)) failed.set(row, check);
        check.test.keep(row);
      }
      this.#assertNone(failed, columns);
    }
  }

  #assertNone(failed: ReadonlyMap<number, RowCheck>, columns: ReadonlyMap<string, Column>): void {
    const row = Math.min(...failed.keys());
    const check = failed.get(row);
    if (check === undefined) return;
    const { expectation } = check;
    const shown = "column" in expectation ? [expectation.column] : expectation.columns;
    const values = shown.map((column) => show(columns.get(column)?.get(row)));
    throw storageError("EXPECTATION_FAILED", {
      table: this.#options.table,
      expectation: expectation.name,
      rows: failed.size,
      example: values.join(", "),
    });
  }

  finish(): readonly ExpectationResult[] {
    const { logger, table } = this.#options;
    const ofRows = this.#checks.map(({ expectation, severity, violations }): ExpectationResult => {
      const outcome = violations === 0 ? "passed" : severity === "quarantine" ? "quarantined" : "warned";
      return { name: expectation.name, kind: kindOf(expectation), outcome, checked: this.#rows, violations };
    });
    const ofTable = this.#measured.map(({ expectation, severity, measure }): ExpectationResult => {
      const { holds, observed } = measure.finish();
      if (!holds && severity === "fail") {
        throw storageError("TABLE_EXPECTATION_FAILED", {
          table,
          expectation: expectation.name,
          observed: show(observed),
        });
      }
      const outcome = holds ? "passed" : "warned";
      const counted = { checked: this.#kept, violations: holds ? 0 : 1 };
      return { name: expectation.name, kind: kindOf(expectation), outcome, ...counted, observed };
    });
    const results = [...ofRows, ...ofTable];
    for (const { name, outcome, violations, observed } of results) {
      if (outcome === "warned")
        logger.warn({ table, expectation: name, violations, observed }, "an expectation is broken");
    }
    return results;
  }
}

const kindOf = ({ kind = "custom" }: Expectation): string => kind;

function without(count: number, rows: Int32Array): Int32Array {
  const others = new Int32Array(count - rows.length);
  for (let row = 0, next = 0, filled = 0; row < count; row++) {
    if (rows[next] === row) next += 1;
    else others[filled++] = row;
  }
  return others;
}
