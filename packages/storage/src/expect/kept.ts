import { distribution, type DistributionOptions } from "./distribution.ts";
import {
  assertSeverity,
  type Expectation,
  invalid,
  type Range,
  type Severity,
  type SeverityOption,
} from "./expectation.ts";
import { unique, type UniqueOptions } from "./row.ts";
import { freshWithin, mean, nullShare, quantile, rowCount, stddev } from "./table.ts";
import { between, hasLength, isJson, matches, notNull, oneOf } from "./value.ts";

/** Expectations that stand beside a table, for every writer. */
export interface KeptExpectations {
  readonly expect: readonly Expectation[];
  /** For writes that do not say. */
  readonly onViolation?: Severity;
}

type Maker = (args: readonly unknown[], options: SeverityOption<"fail">) => Expectation;

/** By kind. What is wrong with arguments that come from a table is found by the making, or against the columns. */
const makers: Readonly<Record<string, Maker>> = {
  between: ([column, min, max], options) => between(column as string, min as number, max as number, options),
  distribution: ([column, given], options) => distribution(column as string, given as DistributionOptions, options),
  freshWithin: ([column, age], options) => freshWithin(column as string, age as number, options),
  hasLength: ([column, range], options) => hasLength(column as string, range as Range, options),
  isJson: ([column], options) => isJson(column as string, options),
  matches: ([column, pattern], options) => matches(column as string, assertPattern(pattern), options),
  mean: ([column, range], options) => mean(column as string, range as Range, options),
  notNull: ([column], options) => notNull(column as string, options),
  nullShare: ([column, range], options) => nullShare(column as string, range as { readonly max: number }, options),
  oneOf: ([column, values], options) => oneOf(column as string, [...(values as readonly string[])], options),
  quantile: ([column, share, range], options) => quantile(column as string, share as number, range as Range, options),
  rowCount: ([range], options) => rowCount(range as Range, options),
  stddev: ([column, range], options) => stddev(column as string, range as Range, options),
  unique: ([columns, given], options) =>
    unique(columns as readonly string[], { ...(given as UniqueOptions), ...options }),
};

function assertPattern(pattern: unknown): RegExp {
  if (pattern instanceof RegExp) return pattern;
  throw new TypeError("its pattern is none");
}

/** Whether a table can keep it: it has no code of its own. */
export function canBeKept({ kind = "custom", args }: Expectation): boolean {
  return args !== undefined && Object.hasOwn(makers, kind);
}

/** As JSON. @throws EXPECTATION_INVALID */
export function keptText({ expect, onViolation }: KeptExpectations): string {
  assertSeverity("onViolation", onViolation);
  for (const { name, severity } of expect) assertSeverity(name, severity);
  const entries = expect.map(({ kind, args = [], severity }) => ({ kind, args: args.map(encoded), severity }));
  return JSON.stringify({ onViolation, expect: entries });
}

/** @throws EXPECTATION_INVALID for a text that is none, and for kinds that are not known here: they could not be held */
export function keptFrom(text: string): KeptExpectations {
  const shown = text.length > 200 ? `${text.slice(0, 200)}...` : text;
  const remedy = "Declare the table's expectations again, with alter({ expect }).";
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw invalid(shown, "what the table keeps is not JSON", remedy);
  }
  if (!isObject(parsed) || !Array.isArray(parsed["expect"])) {
    throw invalid(shown, "what the table keeps is no list of expectations", remedy);
  }
  const { onViolation } = parsed;
  assertSeverity(shown, onViolation, remedy);
  const expect = (parsed["expect"] as readonly unknown[]).map((entry) => made(entry, remedy));
  return { expect, ...(onViolation === undefined ? {} : { onViolation }) };
}

function made(entry: unknown, remedy: string): Expectation {
  const shown = JSON.stringify(entry);
  const { kind, args, severity } = isObject(entry) ? entry : {};
  const maker = typeof kind === "string" && Object.hasOwn(makers, kind) ? makers[kind] : undefined;
  if (maker === undefined) throw invalid(shown, "this version of the library does not know its kind", remedy);
  if (!Array.isArray(args) || !namesColumns(kind as string, args[0])) {
    throw invalid(shown, "its arguments do not begin with the columns it is about", remedy);
  }
  assertSeverity(shown, severity, remedy);
  try {
    return maker(args.map(decoded), optionsOf(severity));
  } catch (error) {
    throw invalid(shown, `it cannot be made: ${(error as Error).message}`, remedy);
  }
}

function namesColumns(kind: string, first: unknown): boolean {
  if (kind === "rowCount") return isObject(first);
  if (kind !== "unique") return typeof first === "string";
  return Array.isArray(first) && first.every((column) => typeof column === "string");
}

/** The same expectation, of columns by their new names. */
export function withColumns(expectation: Expectation, nameOf: (column: string) => string): Expectation {
  const { kind = "custom", args: [first, ...rest] = [], severity } = expectation;
  const renamed = Array.isArray(first)
    ? (first as string[]).map(nameOf)
    : typeof first === "string"
      ? nameOf(first)
      : first;
  return (makers[kind] as Maker)([renamed, ...rest], optionsOf(severity));
}

/** One that an expectation does not allow is refused where it is held. */
function optionsOf(severity: Severity | undefined): SeverityOption<"fail"> {
  return severity === undefined ? {} : { severity: severity as "fail" };
}

/** What JSON has no form for stands as an object of one key. */
function encoded(value: unknown): unknown {
  if (typeof value === "bigint") return { $bigint: String(value) };
  if (value instanceof RegExp) return { $regexp: [value.source, value.flags] };
  if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))) {
    return { $number: Object.is(value, -0) ? "-0" : String(value) };
  }
  if (Array.isArray(value)) return value.map(encoded);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, encoded(inner)]));
}

function decoded(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decoded);
  if (!isObject(value)) return value;
  const { $bigint: whole, $regexp: pattern, $number: number } = value;
  if (typeof whole === "string") return BigInt(whole);
  if (typeof number === "string") return Number(number);
  if (Array.isArray(pattern)) return new RegExp(String(pattern[0]), String(pattern[1]));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, decoded(inner)]));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
