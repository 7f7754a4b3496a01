import type { ValueType } from "./value-type.ts";

/** Rows for which a column compares with a value. A null never does, and is left out of a share. */
export interface Predicate {
  readonly column: string;
  readonly compare: "greaterThan" | "atLeast" | "lessThan" | "atMost" | "equals";
  readonly value: number | string | boolean;
}

/** The last value of a column in time order, and the start of a predicate on it. */
export interface ColumnFeature<Type extends ValueType = ValueType> {
  readonly kind: "column";
  readonly column: string;
  readonly type: Type;
}

export interface Column<Type extends ValueType = ValueType> extends ColumnFeature<Type> {
  greaterThan(value: number): Predicate;
  atLeast(value: number): Predicate;
  lessThan(value: number): Predicate;
  atMost(value: number): Predicate;
  equals(value: number | string | boolean): Predicate;
}

/**
 * A column of the source: as a feature, its last value in time order (null when that row holds null).
 *
 * @param type what the feature holds, default `"float64"`; a value that does not fit it exactly is an error, not a rounding
 */
export function column(name: string): Column<"float64">;
export function column<const Type extends ValueType>(name: string, type: Type): Column<Type>;
export function column(name: string, type: ValueType = "float64"): Column {
  const predicate =
    <Value extends Predicate["value"]>(compare: Predicate["compare"]) =>
    (value: Value): Predicate => ({ column: name, compare, value });
  return {
    kind: "column",
    column: name,
    type,
    greaterThan: predicate("greaterThan"),
    atLeast: predicate("atLeast"),
    lessThan: predicate("lessThan"),
    atMost: predicate("atMost"),
    equals: predicate("equals"),
  };
}
