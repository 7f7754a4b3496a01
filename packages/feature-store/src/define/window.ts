import type { Predicate } from "./column.ts";
import { featureStoreError } from "../errors.ts";
import { type Duration, durationMicros, ttlMicros } from "./duration.ts";
import { hopMicros, type Span } from "./hop.ts";
import type { ScalarType } from "./value-type.ts";

/** What is computed over the rows of a window. */
export type Aggregate<Type extends ScalarType = ScalarType> =
  | { readonly aggregate: "mean" | "stddev" | "sum" | "countDistinct"; readonly column: string; readonly type: Type }
  | { readonly aggregate: "min" | "max" | "first" | "last"; readonly column: string; readonly type: Type }
  | { readonly aggregate: "quantile"; readonly column: string; readonly q: number; readonly type: Type }
  | {
      readonly aggregate: "approxCountDistinct";
      readonly column: string;
      readonly precision: number;
      readonly type: Type;
    }
  | {
      readonly aggregate: "approxQuantile";
      readonly column: string;
      readonly q: number;
      readonly bits: number;
      readonly type: Type;
    }
  | { readonly aggregate: "count"; readonly type: Type }
  | { readonly aggregate: "share"; readonly predicate: Predicate; readonly type: Type };

/** An aggregate over the rows of a span of time that ends at the moment asked for. */
export interface WindowFeature<Type extends ScalarType = ScalarType> extends Span {
  readonly kind: "window";
  readonly of: Aggregate<Type>;
  readonly type: Type;
}

/** The mean of the values that are not null; null when there are none. */
export const mean = (column: string): Aggregate<"float64"> => ({ aggregate: "mean", column, type: "float64" });

/** The population standard deviation of the values that are not null: null when there are none, 0 of one. */
export const stddev = (column: string): Aggregate<"float64"> => ({ aggregate: "stddev", column, type: "float64" });

/** How many rows the window holds: 0 when it is empty, null when no row of the entity can be seen, however old. */
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
 * How many different values the window holds, nulls aside: exact. 0 when it is empty, null when no row of the entity can be
 * seen, however old. -0 is 0, and NaN is one value.
 */
export const countDistinct = (column: string): Aggregate<"int32"> => ({
  aggregate: "countDistinct",
  column,
  type: "int32",
});

/**
 * The exact quantile of the values that are not null, between the closest ranks by linear interpolation (Hyndman and Fan's
 * type 7, as numpy and DuckDB's `quantile_cont` have it); null when there are none. NaN counts as the greatest value.
 *
 * @param q from 0, the least, to 1, the greatest
 * @throws DEFINITION_INVALID for another q
 */
export function quantile(column: string, q: number): Aggregate<"float64"> {
  if (typeof q !== "number" || !(q >= 0 && q <= 1)) {
    throw featureStoreError("DEFINITION_INVALID", {
      of: `A quantile of "${column}"`,
      value: q,
      rule: "q is a number from 0 to 1",
    });
  }
  return { aggregate: "quantile", column, q, type: "float64" };
}

/** The quantile at one half. */
export const median = (column: string): Aggregate<"float64"> => quantile(column, 0.5);

/**
 * The least value that is not null, as numbers or times compare; null when there is none. NaN is greater than every number.
 *
 * @param type what the feature holds, default `"float64"`; a value that does not fit it exactly is an error
 */
export function min(column: string): Aggregate<"float64">;
export function min<const Type extends OrderedType>(column: string, type: Type): Aggregate<Type>;
export function min(column: string, type: OrderedType = "float64"): Aggregate<OrderedType> {
  return { aggregate: "min", column, type };
}

/** The greatest value that is not null. @see min */
export function max(column: string): Aggregate<"float64">;
export function max<const Type extends OrderedType>(column: string, type: Type): Aggregate<Type>;
export function max(column: string, type: OrderedType = "float64"): Aggregate<OrderedType> {
  return { aggregate: "max", column, type };
}

/** Types of which `min` and `max` are taken. */
export type OrderedType = "float64" | "int32" | "int64" | "timestamp";

/**
 * The first value that is not null, in the order (event, known, ingestion); null when there is none.
 *
 * @param type what the feature holds, default `"float64"`; a value that does not fit it exactly is an error
 */
export function first(column: string): Aggregate<"float64">;
export function first<const Type extends ScalarType>(column: string, type: Type): Aggregate<Type>;
export function first(column: string, type: ScalarType = "float64"): Aggregate {
  return { aggregate: "first", column, type };
}

/** The last value that is not null. @see first */
export function last(column: string): Aggregate<"float64">;
export function last<const Type extends ScalarType>(column: string, type: Type): Aggregate<Type>;
export function last(column: string, type: ScalarType = "float64"): Aggregate {
  return { aggregate: "last", column, type };
}

/**
 * The last value of a column that is not null and no older than `maxAge`, both ends included. Unlike `column`, which gives
 * the null of the latest row, it looks past nulls. It is a window: as old as the watermark in an online read.
 *
 * @throws DURATION_INVALID
 */
export function lastNonNull(
  column: string,
  options: { readonly maxAge: Duration | "forever" },
): WindowFeature<"float64">;
export function lastNonNull<const Type extends ScalarType>(
  column: string,
  options: { readonly maxAge: Duration | "forever"; readonly type: Type },
): WindowFeature<Type>;
export function lastNonNull(
  column: string,
  { maxAge, type = "float64" }: { readonly maxAge: Duration | "forever"; readonly type?: ScalarType },
): WindowFeature {
  // A window leaves out its older end; times are whole microseconds, so one more brings it in.
  const width = ttlMicros(maxAge, `maxAge of "${column}"`) + 1;
  return { kind: "window", width, of: { aggregate: "last", column, type }, type };
}

/**
 * An aggregate over a sliding window. At time `t` a source row counts if and only if `event > t - width`, `event <= t`
 * and, where the view has `knownAt`, `known <= t`.
 *
 * With a `hop` it is a sawtooth window: its head is as exact, while its tail moves by whole hops, so that it holds up to a
 * hop more: `event >= t - width + 1us`, rounded down to a multiple of `hop` since 1970 in UTC. What has left the head of such
 * a window is kept as one partial result for each hop in a view with a push source. `"auto"` is a day for windows of 12 days
 * and more, an hour for those of 12 hours and more, else five minutes.
 *
 * @throws DURATION_INVALID, for a hop that is longer than its window too
 */
export function window<Type extends ScalarType>(
  width: Duration,
  of: Aggregate<Type>,
  { hop }: { readonly hop?: Duration | "auto" } = {},
): WindowFeature<Type> {
  const micros = durationMicros(width, "window");
  return { kind: "window", width: micros, hop: hopMicros(hop, micros), of, type: of.type };
}
