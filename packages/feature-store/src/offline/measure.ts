import type { Predicate } from "../define/column.ts";
import type { ScalarType } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";
import { type ColumnData, describeColumn } from "./column-data.ts";
import { compares } from "./compares.ts";
import type { Series } from "./row-choice.ts";
import type { Timeline } from "./timeline.ts";

/** What an aggregate adds up, one value per row of the timeline. */
export interface Measure {
  readonly values: Float64Array;
  /** Set instead of `values` being enough: integers of which a sum may pass 2^53. */
  readonly exact: BigInt64Array | undefined;
  /** One byte per row; absent when none is null. */
  readonly valid: Uint8Array | undefined;
  /** Whole numbers whose sum (and sum of squares) over all rows together stays below 2^53. */
  readonly sumIsExact: boolean;
  readonly squaresAreExact: boolean;
  readonly integer: boolean;
}

type Measured =
  | {
      readonly aggregate: "mean" | "sum" | "stddev" | "quantile" | "approxQuantile";
      readonly column: string;
      readonly type: ScalarType;
    }
  | { readonly aggregate: "share"; readonly predicate: Predicate };

/** @throws COLUMN_TYPE_MISMATCH when the column cannot be aggregated so */
export function measure(timeline: Timeline, of: Measured, table: string): Measure {
  if (of.aggregate === "share") return predicateMeasure(timeline, of.predicate, table);
  const data = timeline.columns.get(of.column) as ColumnData;
  const { column } = of;
  if (data.kind !== "number" && data.kind !== "bigint") throw mismatch(data, column, table, "a number");
  const integer = data.kind === "bigint" || data.integer;
  if (of.type === "int64" && !integer) throw mismatch(data, column, table, "an integer");
  const values = new Float64Array(timeline.source.length);
  let total = 0;
  let squares = 0;
  timeline.source.forEach((from, row) => {
    const value = Number(data.values[from]);
    values[row] = value;
    if (data.valid?.[from] === 0) return;
    total += Math.abs(value);
    squares += value * value;
  });
  const sumIsExact = integer && total < 2 ** 53;
  const exact = integer && !sumIsExact ? exactValues(timeline, data) : undefined;
  const valid = validity(timeline, data);
  return { values, exact, valid, sumIsExact, squaresAreExact: sumIsExact && squares < 2 ** 53, integer };
}

/** The values of a column, strings by their codes. @throws COLUMN_TYPE_MISMATCH for vectors */
export function series(timeline: Timeline, column: string): Series {
  const data = timeline.columns.get(column) as ColumnData;
  if (data.kind === "vector") throw mismatch(data, column, "the source", "one value a row for a window");
  const values =
    data.kind === "bigint" ? new BigInt64Array(timeline.source.length) : new Float64Array(timeline.source.length);
  for (let row = 0; row < values.length; row++) values[row] = data.values[timeline.source[row] as number] as never;
  return { values, valid: validity(timeline, data) };
}

/** The values of a column of numbers or times. @throws COLUMN_TYPE_MISMATCH for another */
export function orderedSeries(timeline: Timeline, column: string, table: string): Series {
  const data = timeline.columns.get(column) as ColumnData;
  if (data.kind === "string" || data.kind === "boolean" || data.kind === "vector")
    throw mismatch(data, column, table, "numbers or timestamps");
  return series(timeline, column);
}

const mismatch = (data: ColumnData, column: string, table: string, wanted: string): Error =>
  featureStoreError("COLUMN_TYPE_MISMATCH", { column, table, found: describeColumn(data), wanted });

function exactValues(timeline: Timeline, data: Extract<ColumnData, { kind: "number" | "bigint" }>): BigInt64Array {
  const exact = new BigInt64Array(timeline.source.length);
  timeline.source.forEach((from, row) => {
    if (data.valid?.[from] !== 0) exact[row] = BigInt(data.values[from] as number | bigint);
  });
  return exact;
}

function validity(timeline: Timeline, data: ColumnData): Uint8Array | undefined {
  const { valid } = data;
  if (valid === undefined) return undefined;
  const out = new Uint8Array(timeline.source.length);
  timeline.source.forEach((from, row) => {
    out[row] = valid[from] as number;
  });
  return out;
}

function predicateMeasure(timeline: Timeline, predicate: Predicate, table: string): Measure {
  const data = timeline.columns.get(predicate.column) as ColumnData;
  const holds = comparison(data, predicate, table);
  const values = new Float64Array(timeline.source.length);
  timeline.source.forEach((from, row) => {
    values[row] = holds(from) ? 1 : 0;
  });
  return {
    values,
    exact: undefined,
    valid: validity(timeline, data),
    sumIsExact: true,
    squaresAreExact: true,
    integer: true,
  };
}

function comparison(data: ColumnData, { column, compare, value }: Predicate, table: string): (row: number) => boolean {
  if (data.values.length === 0) return () => false;
  const wanted = data.kind === "time" || data.kind === "bigint" ? "number" : data.kind;
  if (typeof value !== wanted) throw mismatch(data, column, table, `a ${typeof value} to compare with ${value}`);
  if (data.kind === "string") {
    const code = data.dictionary.indexOf(value as string);
    return (row) => data.values[row] === code;
  }
  if (data.kind === "vector") throw mismatch(data, column, table, "one value a row, to compare");
  const { values } = data;
  const holds = compares(compare, Number(value));
  return (row) => holds(values[row] as number | bigint);
}
