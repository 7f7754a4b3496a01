import { compareObjectKeys } from "@ashlar/core";
import { storageError } from "../errors.ts";
import { type ColumnType, decimalOf, isNested, type PrimitiveType, type Value, typeText } from "./column-type.ts";
import { isPlainObject, problemOfCondition } from "./condition.ts";
import { fitsPrecision, parseDecimal } from "./decimal.ts";
import { type JsonConditions, jsonTest } from "./json-condition.ts";

/**
 * A value to compare with: see `Scalar`; a `long` may also be a safe integer `number`. A decimal is compared with a
 * string (`"12.50"`) or a safe integer. Structs, arrays, maps and binary columns are only tested for nulls.
 */
export type PredicateValue = string | number | bigint | boolean;

/** What must hold of one column. All given conditions must hold; a null satisfies none but `null: true`. */
export interface Condition {
  readonly eq?: PredicateValue;
  readonly in?: readonly PredicateValue[];
  readonly gt?: PredicateValue;
  readonly gte?: PredicateValue;
  readonly lt?: PredicateValue;
  readonly lte?: PredicateValue;
  /** True: only nulls. False: no nulls. */
  readonly null?: boolean;
  /**
   * Of a string column that holds JSON texts: what must hold at places in them, by JSON pointer (RFC 6901). Every text is
   * parsed; files are not skipped by it.
   */
  readonly at?: JsonConditions;
}

/** Conditions by column, all of which must hold. A bare value means `eq`. Strings compare by their UTF-8 bytes. */
export type Predicate = Readonly<Record<string, PredicateValue | Condition>>;

/** What is known of the values of a column in a file or a row group. */
export interface Bounds {
  readonly min?: Value;
  readonly max?: Value;
  readonly nulls?: number;
  readonly rows?: number;
}

/** A checked condition on one column. */
export interface ColumnTest {
  readonly column: string;
  readonly type: ColumnType;
  readonly condition: Omit<Condition, "eq">;
  matches(value: Value | null): boolean;
  /** False only when no value within the bounds can match. */
  mayMatch(bounds: Bounds): boolean;
}

/** A map or an array has no entries of this kind, and would let every row match. @throws OPTION_INVALID */
export function assertPredicate(predicate: Predicate): void {
  if (isPlainObject(predicate)) return;
  const rule = "it must be a plain object of conditions by column";
  throw storageError("OPTION_INVALID", { option: "where", value: String(predicate), rule });
}

/** Checks a predicate against the columns. @throws COLUMN_UNKNOWN, PREDICATE_INVALID, OPTION_INVALID */
export function testsOf(predicate: Predicate, types: ReadonlyMap<string, ColumnType>): ColumnTest[] {
  assertPredicate(predicate);
  return Object.entries(predicate).map(([column, given]) => {
    const type = types.get(column);
    if (type === undefined) throw storageError("COLUMN_UNKNOWN", { column, known: [...types.keys()] });
    const problem = problemOfCondition(given);
    if (problem !== undefined) throw invalid(column, type, problem);
    const { eq, ...rest }: Condition = typeof given === "object" ? given : { eq: given };
    const check = (value: PredicateValue): PredicateValue => checked(column, type, value);
    const alternatives = [...(eq === undefined ? [] : [[eq]]), ...(rest.in === undefined ? [] : [rest.in])];
    const condition = {
      ...mapBounds(rest, check),
      ...(rest.null === undefined ? {} : { null: rest.null }),
      ...(alternatives.length === 0 ? {} : { in: intersection(alternatives.map((values) => values.map(check))) }),
      ...(rest.at === undefined ? {} : { at: rest.at }),
    };
    return testOf(column, type, condition, rest.at === undefined ? undefined : checkedJson(column, type, rest.at));
  });
}

function intersection(sets: readonly (readonly PredicateValue[])[]): PredicateValue[] {
  return (sets[0] ?? []).filter((value) => sets.every((set) => set.some((other) => compare(value, other) === 0)));
}

type BoundName = "gt" | "gte" | "lt" | "lte";
const boundNames: readonly BoundName[] = ["gt", "gte", "lt", "lte"];

function mapBounds(
  condition: Condition,
  check: (value: PredicateValue) => PredicateValue,
): { readonly [Name in BoundName]?: PredicateValue } {
  const pairs = boundNames.flatMap((name) => {
    const value = condition[name];
    return value === undefined ? [] : [[name, check(value)] as const];
  });
  return Object.fromEntries(pairs);
}

function checkedJson(column: string, type: ColumnType, conditions: JsonConditions): (text: string) => boolean {
  const test = type === "string" ? jsonTest(conditions) : `only a column of type string holds JSON texts`;
  if (typeof test === "function") return test;
  throw invalid(column, type, test);
}

function checked(column: string, type: ColumnType, value: PredicateValue): PredicateValue {
  const fits = fit(type, value);
  if (fits === undefined) {
    const shown = typeof value === "string" ? JSON.stringify(value) : `${String(value)} (${typeof value})`;
    throw invalid(column, type, shown);
  }
  return fits;
}

const invalid = (column: string, type: ColumnType, value: string): Error =>
  storageError("PREDICATE_INVALID", { column, type: typeText(type), value });

/** The value in the form of the column's values, or undefined when it is of another kind. */
export function fit(type: ColumnType, value: PredicateValue): PredicateValue | undefined {
  if (isNested(type)) return undefined;
  const decimal = decimalOf(type);
  if (decimal !== undefined) return fitDecimal(decimal.scale, value);
  switch (type as PrimitiveType) {
    case "string":
      return typeof value === "string" ? value : undefined;
    case "boolean":
      return typeof value === "boolean" ? value : undefined;
    case "long":
      if (typeof value === "bigint") return value;
      return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : undefined;
    case "timestamp":
    case "timestamp_ntz":
      return typeof value === "bigint" ? value : undefined;
    case "byte":
    case "short":
    case "integer":
    case "date":
    case "float":
    case "double":
      return typeof value === "number" && !Number.isNaN(value) ? value : undefined;
    case "binary":
      return undefined;
  }
}

function fitDecimal(scale: number, value: PredicateValue): bigint | undefined {
  if (typeof value !== "string" && !(typeof value === "number" && Number.isSafeInteger(value))) return undefined;
  const unscaled = parseDecimal(String(value), scale);
  return unscaled !== undefined && fitsPrecision(unscaled, 38) ? unscaled : undefined;
}

/** Negative, zero or positive; NaN when the values have no order. */
export function compare(a: Value, b: Value): number {
  if (typeof a === "string" && typeof b === "string") return a === b ? 0 : compareObjectKeys(a, b);
  return a < b ? -1 : a > b ? 1 : a === b ? 0 : Number.NaN;
}

function testOf(
  column: string,
  type: ColumnType,
  condition: Omit<Condition, "eq">,
  json?: (text: string) => boolean,
): ColumnTest {
  const { in: values, gt, gte, lt, lte } = condition;
  const holds = (value: Value): boolean =>
    (values === undefined || values.some((other) => compare(value, other) === 0)) &&
    (gt === undefined || compare(value, gt) > 0) &&
    (gte === undefined || compare(value, gte) >= 0) &&
    (lt === undefined || compare(value, lt) < 0) &&
    (lte === undefined || compare(value, lte) <= 0) &&
    (json === undefined || json(value as string));
  const onlyNulls = condition.null === true;
  const bare = Object.keys(condition).every((name) => name === "null");
  return {
    column,
    type,
    condition,
    matches: (value) => (value === null ? onlyNulls && bare : !onlyNulls && holds(value)),
    mayMatch({ min, max, nulls, rows }) {
      if (onlyNulls) return bare && nulls !== 0;
      if (nulls !== undefined && nulls === rows) return false;
      const above = (bound: Value): boolean => max === undefined || !(compare(max, bound) < 0);
      const below = (bound: Value): boolean => min === undefined || !(compare(min, bound) > 0);
      return (
        (values === undefined || values.some((value) => above(value) && below(value))) &&
        (gt === undefined || (above(gt) && !(max !== undefined && compare(max, gt) === 0))) &&
        (gte === undefined || above(gte)) &&
        (lt === undefined || (below(lt) && !(min !== undefined && compare(min, lt) === 0))) &&
        (lte === undefined || below(lte))
      );
    },
  };
}
