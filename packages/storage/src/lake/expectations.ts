import { storageError } from "../errors.ts";
import { type ColumnType, typeText, type Value } from "../parquet/column-type.ts";
import { type Column, columnsOf } from "../parquet/column.ts";
import { compare, fit, type PredicateValue } from "../parquet/predicate.ts";
import type { RecordBatch } from "apache-arrow";

/** What every value of a column is expected to be. Write your own: it is a name, a column and a test. */
export interface Expectation {
  /** For messages and the quarantine, e.g. `between("delay", -120, 3000)`. */
  readonly name: string;
  readonly column: string;
  /** The test of one value, made for the column's type. @throws PREDICATE_INVALID */
  test(type: ColumnType): (value: Value | null) => boolean;
}

/** No nulls. */
export function notNull(column: string): Expectation {
  return { name: `notNull(${JSON.stringify(column)})`, column, test: () => (value) => value !== null };
}

/** From `min` to `max`, both included. A null passes: see `notNull`. NaN does not. */
export function between(column: string, min: PredicateValue, max: PredicateValue): Expectation {
  return {
    name: `between(${[column, min, max].map(show).join(", ")})`,
    column,
    test(type) {
      const [low, high] = [fitted(column, type, min), fitted(column, type, max)];
      return (value) => value === null || (compare(value, low) >= 0 && compare(value, high) <= 0);
    },
  };
}

/** One of the values. A null passes: see `notNull`. */
export function oneOf(column: string, values: readonly PredicateValue[]): Expectation {
  return {
    name: `oneOf(${show(column)}, [${values.map(show).join(", ")}])`,
    column,
    test(type) {
      const allowed = new Set<Value>(values.map((value) => fitted(column, type, value)));
      return (value) => value === null || allowed.has(value);
    },
  };
}

function fitted(column: string, type: ColumnType, value: PredicateValue): PredicateValue {
  const fits = fit(type, value);
  if (fits === undefined)
    throw storageError("PREDICATE_INVALID", {
      column,
      type: typeText(type),
      value: `${show(value)} (${typeof value})`,
    });
  return fits;
}

const show = (value: unknown): string => (typeof value === "string" ? JSON.stringify(value) : String(value));

/** The rows of a batch that break an expectation, with the first one that each breaks. */
export interface Violations {
  readonly rows: Int32Array;
  readonly reasons: readonly string[];
  /** The value of the first row that broke `reasons[0]`. */
  readonly example: string;
}

export type Check = (batch: RecordBatch) => Violations;

/** Prepares expectations for the columns of a table. @throws COLUMN_UNKNOWN, PREDICATE_INVALID */
export function prepare(expectations: readonly Expectation[], types: ReadonlyMap<string, ColumnType>): Check {
  const tests = expectations.map((expectation) => {
    const type = types.get(expectation.column);
    if (type === undefined) {
      throw storageError("COLUMN_UNKNOWN", { column: expectation.column, known: [...types.keys()] });
    }
    return { ...expectation, holds: expectation.test(type) };
  });
  return (batch) => {
    const columns = new Map(columnsOf(batch).map((column) => [column.name, column]));
    const broken = new Map<number, { readonly name: string; readonly value: Value | null }>();
    for (const { name, column, holds } of tests) {
      const values = columns.get(column) as Column;
      for (let row = 0; row < values.length; row++) {
        const value = values.get(row);
        if (!holds(value) && !broken.has(row)) broken.set(row, { name, value });
      }
    }
    const rows = Int32Array.from(broken.keys()).sort();
    const reasons = Array.from(rows, (row) => broken.get(row)?.name ?? "");
    return { rows, reasons, example: show(broken.get(rows[0] ?? 0)?.value) };
  };
}
