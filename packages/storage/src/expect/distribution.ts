import type { ColumnType, Value } from "../parquet/column-type.ts";
import {
  assertType,
  inRange,
  invalid,
  nameOf,
  type SeverityOption,
  severityOf,
  type TableExpectation,
} from "./expectation.ts";
import { isNumeric, quantileOf, toNumber, valuesIn } from "./numbers.ts";

export interface DistributionOptions {
  /** Population stability index, at most: below 0.1 is usually read as the same, above 0.25 as another. */
  readonly maxPsi: number;
  /** Bins of a numeric column, of equal share among the rows before. @default 10 */
  readonly bins?: number;
}

/** Categories of a column that is not numeric; the rarer ones are one. */
const maxCategories = 200;
/** A bin that one side lacks counts as this share, so that its logarithm is finite. */
const leastShare = 1e-4;

/**
 * The values are distributed as those that the table had before, by the population stability index over the bins:
 * the sum of (new - old) * ln(new / old) of the shares. Strings and booleans are compared by their values. Nulls do not
 * count, nor NaN; the first version of a table, and a write without values, pass. The column is read from the table, and
 * held in memory.
 */
export function distribution(
  column: string,
  { maxPsi, bins = 10 }: DistributionOptions,
  options: SeverityOption<"fail" | "warn"> = {},
): TableExpectation {
  const name = nameOf("distribution", column, { maxPsi, ...(bins === 10 ? {} : { bins }) });
  if (!(maxPsi >= 0)) throw invalid(name, `its maxPsi is ${maxPsi}`, "Give a number from 0.");
  if (!Number.isInteger(bins) || !inRange(bins, { min: 2, max: 1000 })) {
    throw invalid(name, `it has ${bins} bins`, "Give a whole number from 2 to 1,000.");
  }
  return {
    name,
    kind: "distribution",
    args: [column, { maxPsi, bins }],
    level: "table",
    columns: [column],
    async measure({ types, previous }) {
      const type = types.get(column) as ColumnType;
      assertType(
        name,
        type,
        (found) => isNumeric(found) || found === "string" || found === "boolean",
        "numbers, strings or booleans",
      );
      const before: (number | string)[] = [];
      const read = reader(type);
      for await (const batch of previous?.([column]) ?? []) {
        for (const value of valuesIn(batch, column)) push(before, read(value));
      }
      const binOf = isNumeric(type) ? numericBins(before as number[], bins) : categories(before as string[]);
      const found = new Map<string | number, number>();
      let count = 0;
      return {
        observe(batch) {
          for (const value of valuesIn(batch, column)) {
            const number = read(value);
            if (Number.isNaN(number)) continue;
            const bin = binOf(number);
            found.set(bin, (found.get(bin) ?? 0) + 1);
            count += 1;
          }
        },
        finish() {
          if (count === 0 || before.length === 0) return { holds: true, observed: null };
          const expected = new Map<string | number, number>();
          for (const value of before) expected.set(binOf(value), (expected.get(binOf(value)) ?? 0) + 1);
          const psi = stabilityIndex(expected, before.length, found, count);
          return { holds: psi <= maxPsi, observed: psi };
        },
      };
    },
    ...severityOf(options),
  };
}

function reader(type: ColumnType): (value: Value) => number | string {
  if (isNumeric(type)) return toNumber(type);
  return String;
}

function push(values: (number | string)[], value: number | string): void {
  if (!Number.isNaN(value)) values.push(value);
}

/** The number of the first bin whose upper edge is not below the value. */
function numericBins(before: readonly number[], bins: number): (value: number | string) => number {
  const sorted = Float64Array.from(before).sort();
  const edges = Array.from({ length: bins - 1 }, (_, index) => quantileOf(sorted, (index + 1) / bins));
  return (value) => {
    let [low, high] = [0, edges.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((edges[middle] as number) >= (value as number)) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

function categories(before: readonly string[]): (value: number | string) => string {
  const counts = new Map<string, number>();
  for (const value of before) counts.set(value, (counts.get(value) ?? 0) + 1);
  const common = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, maxCategories);
  const known = new Set(common.map(([value]) => value));
  return (value) => (known.has(value as string) ? `=${value}` : "other");
}

function stabilityIndex<Bin>(
  before: ReadonlyMap<Bin, number>,
  countBefore: number,
  now: ReadonlyMap<Bin, number>,
  countNow: number,
): number {
  let index = 0;
  for (const bin of new Set([...before.keys(), ...now.keys()])) {
    const expected = Math.max((before.get(bin) ?? 0) / countBefore, leastShare);
    const actual = Math.max((now.get(bin) ?? 0) / countNow, leastShare);
    index += (actual - expected) * Math.log(actual / expected);
  }
  return index;
}
