import type { ScalarType } from "../../define/value-type.ts";
import type { SqlTime } from "./plan.ts";

/** What differs between databases. Expressions come in quoted. */
export interface SqlDialect {
  readonly name: string;
  readonly quote: (identifier: string) => string;
  readonly text: (value: string) => string;
  /** The column name of a feature in the result; by default `view:feature`. */
  readonly output: (feature: string) => string;
  /** A time as an integer of epoch microseconds, exactly. */
  readonly micros: (time: string, kind: SqlTime) => string;
  /** An expression of type integer that fails the query with `message` when it is evaluated. `time` is null there. */
  readonly fail: (message: string, time: string) => string;
  /** The type a feature is cast to; undefined leaves it as it is. */
  readonly types: Readonly<Record<ScalarType, string | undefined>>;
  /** A whole number of at least 38 digits, to sum integers in. */
  readonly wide: string;
  /** The exact quantile of an aggregate's rows, interpolated between the closest ranks; undefined where there is none. */
  readonly quantile?: (value: string, q: number) => string;
  /** True of a float that is NaN, in a database that orders NaN above every number; undefined where NaN compares as IEEE 754 has it. */
  readonly isNaN?: (value: string) => string;
}

export const doubleQuoted = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;

export const doubledQuotes = (value: string): string => `'${value.replaceAll("'", "''")}'`;

export const backslashed = (value: string): string =>
  `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'").replaceAll("\n", "\\n").replaceAll("\r", "\\r")}'`;
