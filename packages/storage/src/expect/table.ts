import { type Duration, durationMs } from "../duration.ts";
import type { ColumnType } from "../parquet/column-type.ts";
import {
  assertRange,
  assertType,
  inRange,
  invalid,
  type Judgement,
  type Measure,
  nameOf,
  type Range,
  type SeverityOption,
  severityOf,
  type TableExpectation,
} from "./expectation.ts";
import { Moments } from "./moments.ts";
import { columnIn, isNumeric, quantileOf, toNumber, valuesIn } from "./numbers.ts";

type TableOption = SeverityOption<"fail" | "warn">;

const nothingToJudge: Judgement = { holds: true, observed: null };

/** So many rows in the write, those set aside not counted. */
export function rowCount(range: Range, options: TableOption = {}): TableExpectation {
  const name = nameOf("rowCount", range);
  assertRange(name, range);
  return {
    name,
    kind: "rowCount",
    args: [range],
    level: "table",
    columns: [],
    measure() {
      let count = 0;
      return {
        observe: (batch) => (count += batch.numRows),
        finish: () => ({ holds: inRange(count, range), observed: count }),
      };
    },
    ...severityOf(options),
  };
}

/** At most `max` of the values (0 to 1) are null. NaN is not null. A write without rows passes. */
export function nullShare(
  column: string,
  range: { readonly max: number },
  options: TableOption = {},
): TableExpectation {
  const name = nameOf("nullShare", column, range);
  if (!inRange(range.max, { min: 0, max: 1 }))
    throw invalid(name, `its max is ${range.max}`, "Give a share from 0 to 1.");
  return {
    name,
    kind: "nullShare",
    args: [column, range],
    level: "table",
    columns: [column],
    measure() {
      let [nulls, all] = [0, 0];
      return {
        observe(batch) {
          nulls += columnIn(batch, column).nullCount;
          all += batch.numRows;
        },
        finish: () => (all === 0 ? nothingToJudge : { holds: nulls / all <= range.max, observed: nulls / all }),
      };
    },
    ...severityOf(options),
  };
}

/**
 * The newest value is at most this old when the write is made. A timestamp without a zone is UTC; a date is its first
 * instant, UTC. A write without values passes.
 */
export function freshWithin(column: string, age: Duration, options: TableOption = {}): TableExpectation {
  const name = nameOf("freshWithin", column, age);
  const maxMs = durationMs(name, age);
  return {
    name,
    kind: "freshWithin",
    args: [column, age],
    level: "table",
    columns: [column],
    measure({ types, now }) {
      const type = types.get(column) as ColumnType;
      assertType(name, type, isTime, "type timestamp, timestamp_ntz or date");
      let newest = -Infinity;
      return {
        observe(batch) {
          for (const value of valuesIn(batch, column)) newest = Math.max(newest, instantMs(type, value as bigint));
        },
        finish() {
          if (newest === -Infinity) return nothingToJudge;
          return { holds: now - newest <= maxMs, observed: new Date(newest).toISOString() };
        },
      };
    },
    ...severityOf(options),
  };
}

const isTime = (type: ColumnType): boolean => type === "timestamp" || type === "timestamp_ntz" || type === "date";

function instantMs(type: ColumnType, value: number | bigint): number {
  return type === "date" ? Number(value) * 86_400_000 : Number(value) / 1000;
}

/** The mean lies in the range. Nulls do not count; a NaN makes it NaN, which is in no range. */
export function mean(column: string, range: Range, options: TableOption = {}): TableExpectation {
  return statistic("mean", [column, range], column, range, options, () => {
    const moments = new Moments();
    return { add: (value) => moments.add(value), result: () => moments.mean };
  });
}

/** The sample standard deviation (n - 1) lies in the range; that of a single value is 0. Nulls and NaN as for `mean`. */
export function stddev(column: string, range: Range, options: TableOption = {}): TableExpectation {
  return statistic("stddev", [column, range], column, range, options, () => {
    const moments = new Moments();
    return { add: (value) => moments.add(value), result: () => moments.stddev };
  });
}

/**
 * The quantile (0.5: the median) lies in the range; between two values it is interpolated. Nulls and NaN as for `mean`.
 * The values are held in memory, 8 bytes each.
 */
export function quantile(column: string, share: number, range: Range, options: TableOption = {}): TableExpectation {
  const name = nameOf("quantile", column, share, range);
  if (!inRange(share, { min: 0, max: 1 })) throw invalid(name, `its share is ${share}`, "Give one from 0 to 1.");
  return statistic("quantile", [column, share, range], column, range, options, () => {
    const values: number[] = [];
    const result = (): number =>
      values.some(Number.isNaN) ? NaN : quantileOf(Float64Array.from(values).sort(), share);
    return { add: (value) => values.push(value), result };
  });
}

interface Statistic {
  add(value: number): void;
  result(): number;
}

function statistic(
  kind: string,
  args: readonly unknown[],
  column: string,
  range: Range,
  options: TableOption,
  begin: () => Statistic,
): TableExpectation {
  const name = nameOf(kind, ...args);
  assertRange(name, range);
  return {
    name,
    kind,
    args,
    level: "table",
    columns: [column],
    measure({ types }): Measure {
      const type = types.get(column) as ColumnType;
      assertType(name, type, isNumeric, "numbers");
      const numberOf = toNumber(type);
      const running = begin();
      let count = 0;
      return {
        observe(batch) {
          for (const value of valuesIn(batch, column)) {
            running.add(numberOf(value));
            count += 1;
          }
        },
        finish() {
          if (count === 0) return nothingToJudge;
          const found = running.result();
          return { holds: inRange(found, range), observed: Number.isFinite(found) ? found : String(found) };
        },
      };
    },
    ...severityOf(options),
  };
}
