import type { ColumnType } from "../parquet/column-type.ts";
import type { ColumnCheck } from "../parquet/port.ts";
import { type Condition, type PredicateValue, testsOf } from "../parquet/predicate.ts";
import type { RowExpectation, ValueExpectation } from "./expectation.ts";

/** An expectation as a condition on its column, which an engine can hold; undefined where it is more than that. */
export function columnCheckOf(
  expectation: ValueExpectation | RowExpectation,
  types: ReadonlyMap<string, ColumnType>,
): ColumnCheck | undefined {
  if (expectation.level === "row") return undefined;
  const condition = conditionOf(expectation);
  if (condition === undefined) return undefined;
  const [test] = testsOf({ [expectation.column]: condition }, types);
  return test && { test, nullPasses: condition.null === undefined };
}

/** By what it was made of: the expectations of this package have no others behind their names. */
function conditionOf({ kind, args }: ValueExpectation): Condition | undefined {
  const [, first, second] = (args ?? []) as readonly (PredicateValue | undefined)[];
  if (args === undefined) return undefined;
  if (kind === "notNull") return { null: false };
  if (kind === "oneOf") return { in: args[1] as readonly PredicateValue[] };
  return kind === "between" && first !== undefined && second !== undefined ? { gte: first, lte: second } : undefined;
}
