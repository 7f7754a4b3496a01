import { storageError } from "../errors.ts";
import { type ColumnType, type Value, typeText } from "../parquet/column-type.ts";
import { compare, fit, type PredicateValue } from "../parquet/predicate.ts";
import {
  assertRange,
  assertType,
  inRange,
  nameOf,
  type Range,
  type SeverityOption,
  severityOf,
  show,
  type ValueExpectation,
} from "./expectation.ts";

/** No nulls. */
export function notNull(column: string, options: SeverityOption = {}): ValueExpectation {
  const test = () => (value: Value | null) => value !== null;
  return { name: nameOf("notNull", column), kind: "notNull", args: [column], column, test, ...severityOf(options) };
}

/** From `min` to `max`, both included. A null passes: see `notNull`. NaN does not. */
export function between(
  column: string,
  min: PredicateValue,
  max: PredicateValue,
  options: SeverityOption = {},
): ValueExpectation {
  return {
    name: nameOf("between", column, min, max),
    kind: "between",
    args: [column, min, max],
    column,
    test(type) {
      const [low, high] = [fitted(column, type, min), fitted(column, type, max)];
      return (value) => value === null || (compare(value, low) >= 0 && compare(value, high) <= 0);
    },
    ...severityOf(options),
  };
}

/** One of the values. A null passes: see `notNull`. */
export function oneOf(
  column: string,
  values: readonly PredicateValue[],
  options: SeverityOption = {},
): ValueExpectation {
  return {
    name: nameOf("oneOf", column, values),
    kind: "oneOf",
    args: [column, values],
    column,
    test(type) {
      const allowed = new Set<Value>(values.map((value) => fitted(column, type, value)));
      return (value) => value === null || allowed.has(value);
    },
    ...severityOf(options),
  };
}

/**
 * Text that the pattern is found in; give it `^` and `$` where all of it must fit. A null passes. The pattern runs on
 * every row: one that backtracks without end stops the write.
 */
export function matches(column: string, pattern: RegExp, options: SeverityOption = {}): ValueExpectation {
  const name = nameOf("matches", column, pattern);
  return {
    name,
    kind: "matches",
    args: [column, pattern],
    column,
    test(type) {
      assertType(name, type, isText, "type string");
      // A global or sticky pattern remembers where it was: each value is looked at from its beginning.
      const stateless = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
      return (value) => value === null || stateless.test(value as string);
    },
    ...severityOf(options),
  };
}

/** Text that is one JSON value (RFC 8259). A null passes; the empty text does not. */
export function isJson(column: string, options: SeverityOption = {}): ValueExpectation {
  const name = nameOf("isJson", column);
  return {
    name,
    kind: "isJson",
    args: [column],
    column,
    test(type) {
      assertType(name, type, isText, "type string");
      return (value) => value === null || parses(value as string);
    },
    ...severityOf(options),
  };
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** So long: characters (Unicode code points) of a string, bytes of a binary. A null passes. */
export function hasLength(column: string, range: Range, options: SeverityOption = {}): ValueExpectation {
  const name = nameOf("hasLength", column, range);
  assertRange(name, range);
  return {
    name,
    kind: "hasLength",
    args: [column, range],
    column,
    test(type) {
      assertType(name, type, (found) => isText(found) || found === "binary", "type string or binary");
      const lengthOf = type === "binary" ? byteLength : codePoints;
      return (value) => value === null || inRange(lengthOf(value), range);
    },
    ...severityOf(options),
  };
}

const isText = (type: ColumnType): boolean => type === "string";
const byteLength = (value: Value): number => (value as Uint8Array).byteLength;

function codePoints(value: Value): number {
  let count = 0;
  for (const _ of value as string) count += 1;
  return count;
}

function fitted(column: string, type: ColumnType, value: PredicateValue): PredicateValue {
  const fits = fit(type, value);
  if (fits !== undefined) return fits;
  const shown = `${show(value)} (${typeof value})`;
  throw storageError("PREDICATE_INVALID", { column, type: typeText(type), value: shown });
}
