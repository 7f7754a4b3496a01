import type { FeatureView } from "../define/feature-view.ts";
import type { Value } from "../define/value-type.ts";
import type { Aggregate } from "../define/window.ts";
import type { ColumnData } from "../offline/column-data.ts";
import { columnReader } from "../offline/column-reader.ts";
import { fitting } from "../offline/fitting.ts";
import { eventColumns } from "../push/event-columns.ts";
import type { EventCell } from "../push/instant.ts";
import { Extreme, Ordered } from "./chosen.ts";
import { Counted, Shared } from "./counted.ts";
import { DistinctEstimate, QuantileEstimate } from "./estimated.ts";
import type { PartialResult } from "./partial-result.ts";
import { Squared, Summed } from "./summed.ts";

/** One respect in which partial results are kept. Aggregates that need the same share it: a sum and a mean of one column. */
export interface Respect {
  readonly id: string;
  /** The column it looks at; undefined for a count. */
  readonly column: string | undefined;
  make(): PartialResult;
}

/** What an aggregate needs of events that are merged; undefined for one that needs the events themselves. */
export function respectOf(of: Aggregate): Respect | undefined {
  switch (of.aggregate) {
    case "count":
      return { id: "count", column: undefined, make: () => new Counted() };
    case "share": {
      const { predicate } = of;
      const id = `share ${JSON.stringify(predicate)}`;
      return { id, column: predicate.column, make: () => new Shared(predicate) };
    }
    case "sum":
    case "mean":
      return { id: `sum ${of.column}`, column: of.column, make: () => new Summed() };
    case "stddev":
      return { id: `squares ${of.column}`, column: of.column, make: () => new Squared() };
    case "min":
    case "max": {
      const { aggregate, column } = of;
      return { id: `${aggregate} ${column}`, column, make: () => new Extreme(aggregate === "min") };
    }
    case "first":
    case "last": {
      const { aggregate, column } = of;
      return { id: `${aggregate} ${column}`, column, make: () => new Ordered(aggregate === "first") };
    }
    case "approxCountDistinct": {
      const { column, precision } = of;
      return { id: `distinct ${precision} ${column}`, column, make: () => new DistinctEstimate(precision) };
    }
    case "approxQuantile": {
      const { column, bits } = of;
      return { id: `quantile ${bits} ${column}`, column, make: () => new QuantileEstimate(bits) };
    }
    // Exactly, these are not to be had from the results of parts.
    case "countDistinct":
    case "quantile":
      return undefined;
  }
}

/** The value of an aggregate whose respect made `partial`, to the bit the one of the same rows in history. */
export function valueOf(view: FeatureView, of: Aggregate, partial: PartialResult): Value | null {
  if (partial instanceof Counted) return partial.size;
  if (partial instanceof Shared) return partial.size === 0 ? null : partial.holding / partial.size;
  if (partial instanceof Summed) {
    const { size, total } = partial;
    if (size === 0) return null;
    if (of.type === "int64") return fitting(total.sum.units >> 1074n, "column" in of ? of.column : "");
    return of.aggregate === "mean" ? total.mean(size) : total.value;
  }
  if (partial instanceof Squared) return partial.spread.size === 0 ? null : partial.spread.deviation;
  if (partial instanceof DistinctEstimate) return partial.sketch.estimate;
  if (partial instanceof QuantileEstimate && of.aggregate === "approxQuantile") {
    return partial.sketch.size === 0 ? null : partial.sketch.quantile(of.q);
  }
  if (!(partial instanceof Extreme || partial instanceof Ordered) || !("column" in of)) return null;
  const value = typed(view, of, partial.cell);
  // -0 is 0 where values are compared.
  return partial instanceof Extreme && value === 0 ? 0 : value;
}

/** A cell as the type of a feature, read as the columns of a source are. */
function typed(view: FeatureView, of: Extract<Aggregate, { column: string }>, cell: EventCell): Value | null {
  if (cell === null) return null;
  const data = eventColumns(view, [of.column], () => [cell]).get(of.column) as ColumnData;
  return columnReader(data, of.type, { column: of.column, table: view.source.name, timezone: "UTC" })(0);
}
