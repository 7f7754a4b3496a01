import type { FeatureView } from "../define/feature-view.ts";
import type { Value, ValueType } from "../define/value-type.ts";
import type { WindowFeature } from "../define/window.ts";
import { bucketOf, valueOfBucket } from "../sketch/log-buckets.ts";
import { type Accumulator, accumulator, type NumberAccumulator, type RowAccumulator } from "./accumulator.ts";
import type { ColumnData } from "./column-data.ts";
import { columnReader } from "./column-reader.ts";
import { ApproximateDistinct, type RegisterCodes, registerCodes } from "./approximate-distinct.ts";
import { Distinct } from "./distinct.ts";
import type { FeatureColumn } from "./feature-column.ts";
import { fitting } from "./fitting.ts";
import { type Measure, measure, orderedSeries, series } from "./measure.ts";
import { Quantile, type Ranks, rankWithinKeys } from "./quantile.ts";
import { Extreme, First, Last, type Series } from "./row-choice.ts";
import type { Timeline } from "./timeline.ts";

/** One windowed feature while its window moves. */
export interface Aggregation {
  readonly state: Accumulator;
  /** Null when the window holds nothing to aggregate; a count is 0 then. */
  value(): Value | null;
  /** Sets the value in a row of `column`, or leaves it null. */
  write(column: FeatureColumn, row: number): void;
}

/** Makes the aggregations of a view; what several need of one column is made once. */
export function aggregations(timeline: Timeline, view: FeatureView): (feature: WindowFeature) => Aggregation {
  const table = view.source.name;
  const kept = new Map<string, Measure | Series | Ranks | RegisterCodes>();
  const once = <Made extends Measure | Series | Ranks | RegisterCodes>(key: string, make: () => Made): Made => {
    const made = (kept.get(key) as Made | undefined) ?? make();
    kept.set(key, made);
    return made;
  };

  return ({ of, type }) => {
    switch (of.aggregate) {
      case "count":
        return computed(accumulator(of, undefined), type, true);
      case "share": {
        const holds = once(`share ${JSON.stringify(of.predicate)}`, () => measure(timeline, of, table));
        return computed(accumulator(of, holds), type, false);
      }
      case "mean":
      case "sum":
      case "stddev": {
        const { aggregate, column } = of;
        const measured = once(`measure ${type} ${column}`, () => measure(timeline, { aggregate, column, type }, table));
        return computed(accumulator({ aggregate }, measured), type, false, column);
      }
      case "quantile": {
        const ranks = once(`ranks ${of.column}`, () => rankWithinKeys(measure(timeline, of, table), timeline.starts));
        return computed(new Quantile(ranks, of.q, true), type, false);
      }
      case "approxQuantile": {
        const { column, bits, q } = of;
        const ranks = once(`buckets ${bits} ${column}`, () => {
          const { values, ...rest } = measure(timeline, of, table);
          const bucketed = values.map((value) => valueOfBucket(bucketOf(value, bits), bits));
          return rankWithinKeys({ ...rest, values: bucketed }, timeline.starts);
        });
        return computed(new Quantile(ranks, q, false), type, false);
      }
      case "approxCountDistinct": {
        const { column, precision } = of;
        const codes = once(`codes ${precision} ${column}`, () => registerCodes(timeline, column, precision));
        return computed(new ApproximateDistinct(codes, precision), type, true);
      }
      case "countDistinct":
        return computed(new Distinct(once(`series ${of.column}`, () => series(timeline, of.column))), type, true);
      case "min":
      case "max": {
        const ordered = once(`ordered ${of.column}`, () => orderedSeries(timeline, of.column, table));
        return chosen(new Extreme(ordered, of.aggregate === "min" ? 1 : -1), withoutSign(reader(view, of, timeline)));
      }
      case "first":
      case "last": {
        const read = reader(view, of, timeline);
        const values = once(`series ${of.column}`, () => series(timeline, of.column));
        return chosen(of.aggregate === "first" ? new First(values) : new Last(values), read);
      }
    }
  };
}

/** @param column what is summed, for an error */
function computed(state: NumberAccumulator, type: ValueType, counts: boolean, column = ""): Aggregation {
  return {
    state,
    value() {
      if (state.size === 0 && !counts) return null;
      return type === "int64" ? fitting(state.integer, column) : state.value;
    },
    write(into, row) {
      if (state.size === 0 && !counts) return;
      if (into.wide) into.set(row, state.integer);
      else into.setNumber(row, state.value);
    },
  };
}

function chosen(state: RowAccumulator, read: (row: number) => Value | null): Aggregation {
  const value = (): Value | null => (state.size === 0 ? null : read(state.row));
  return {
    state,
    value,
    write(column, row) {
      const found = value();
      if (found !== null) column.set(row, found);
    },
  };
}

/** -0 is 0: which of the two is the least must not depend on their order. */
const withoutSign =
  (read: (row: number) => Value | null) =>
  (row: number): Value | null => {
    const value = read(row);
    return value === 0 ? 0 : value;
  };

/** Reads the values of a column by row of the timeline. */
function reader(
  view: FeatureView,
  of: { readonly column: string; readonly type: ValueType },
  timeline: Timeline,
): (row: number) => Value | null {
  const { column, type } = of;
  const { name: table, timezone } = view.source;
  const read = columnReader(timeline.columns.get(column) as ColumnData, type, { column, table, timezone });
  return (row) => read(timeline.source[row] as number);
}
