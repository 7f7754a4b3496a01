import type { Predicate } from "./column.ts";
import { type Duration, durationMicros } from "./duration.ts";

/** What is computed over the rows of a window. */
export type Aggregate<Type extends "float64" | "int32" | "int64" = "float64" | "int32" | "int64"> =
  | { readonly aggregate: "mean" | "stddev"; readonly column: string; readonly type: Type }
  | { readonly aggregate: "sum"; readonly column: string; readonly type: Type }
  | { readonly aggregate: "count"; readonly type: Type }
  | { readonly aggregate: "share"; readonly predicate: Predicate; readonly type: Type };

/** An aggregate over the rows of the last `width` microseconds. */
export interface WindowFeature<Type extends "float64" | "int32" | "int64" = "float64" | "int32" | "int64"> {
  readonly kind: "window";
  readonly width: number;
  readonly of: Aggregate<Type>;
  readonly type: Type;
}

/** The mean of the values that are not null; null when there are none. */
export const mean = (column: string): Aggregate<"float64"> => ({ aggregate: "mean", column, type: "float64" });

/** The population standard deviation of the values that are not null: null when there are none, 0 of one. */
export const stddev = (column: string): Aggregate<"float64"> => ({ aggregate: "stddev", column, type: "float64" });

/** How many rows the window holds; 0 when it is empty. */
export const count = (): Aggregate<"int32"> => ({ aggregate: "count", type: "int32" });

/** The share of rows, among those whose column is not null, for which the predicate holds; null when there are none. */
export const share = (predicate: Predicate): Aggregate<"float64"> => ({
  aggregate: "share",
  predicate,
  type: "float64",
});

/**
 * The sum of the values that are not null; null when there are none. Integers are summed exactly: as `"float64"` (the
 * default) the exact sum is rounded once, as `"int64"` it is a bigint.
 */
export function sum(column: string): Aggregate<"float64">;
export function sum<const Type extends "float64" | "int64">(column: string, type: Type): Aggregate<Type>;
export function sum(column: string, type: "float64" | "int64" = "float64"): Aggregate<"float64" | "int64"> {
  return { aggregate: "sum", column, type };
}

/**
 * An aggregate over a sliding window. At time `t` a source row counts if and only if `event > t - width`, `event <= t`
 * and, where the view has `knownAt`, `known <= t`.
 *
 * @throws DURATION_INVALID
 */
export function window<Type extends "float64" | "int32" | "int64">(
  width: Duration,
  of: Aggregate<Type>,
): WindowFeature<Type> {
  return { kind: "window", width: durationMicros(width, "window"), of, type: of.type };
}
