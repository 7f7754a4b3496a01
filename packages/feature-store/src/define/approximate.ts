import { featureStoreError } from "../errors.ts";
import { precisionOf } from "../sketch/hyperloglog.ts";
import { bucketBits } from "../sketch/log-buckets.ts";
import type { Aggregate } from "./window.ts";

/**
 * About how many different values the window holds, nulls aside: 0 when it is empty, null when no row of the entity can be
 * seen, however old. -0 is 0, and NaN is one value. The estimate is the same offline and online, to the bit.
 *
 * Source: HyperLogLog, of Flajolet, Fusy, Gandouet and Meunier (2007), with the estimate of Ertl (2017).
 *
 * @param standardError default 0.02, which 1.6 % of 4,096 registers stand for (at most 3 kB a partial result); from 0.004 to
 * 0.26, in steps of the square root of two. Two thirds of estimates are off by less, 95 in 100 by less than twice of it
 * @throws DEFINITION_INVALID for another
 */
export function approxCountDistinct(
  column: string,
  { standardError = 0.02 }: { readonly standardError?: number } = {},
): Aggregate<"int32"> {
  assertBetween(`An approximate distinct count of "${column}"`, "standardError", standardError, 0.0041, 0.26);
  return { aggregate: "approxCountDistinct", column, precision: precisionOf(standardError), type: "int32" };
}

/**
 * About the quantile of the values that are not null: off the value that `floor(q * (n - 1))` of the `n` others stand before
 * by at most `relativeError` of it, always. Nothing lies between two values, as it does in `quantile`. Null when there are
 * none. NaN counts as the greatest value, and numbers nearer to 0 than 2.3e-308 as 0. The same offline and online, to the bit.
 *
 * Source: DDSketch, of Masson, Rim and Lee (2019), with exact buckets in place of logarithms.
 *
 * @param q from 0, the least, to 1, the greatest
 * @param relativeError default 0.01; from 0.000123 to 0.2, in steps of two
 * @throws DEFINITION_INVALID for another
 */
export function approxQuantile(
  column: string,
  q: number,
  { relativeError = 0.01 }: { readonly relativeError?: number } = {},
): Aggregate<"float64"> {
  const of = `An approximate quantile of "${column}"`;
  assertBetween(of, "q", q, 0, 1);
  assertBetween(of, "relativeError", relativeError, 0.000123, 0.2);
  return { aggregate: "approxQuantile", column, q, bits: bucketBits(relativeError), type: "float64" };
}

function assertBetween(of: string, name: string, value: unknown, least: number, most: number): void {
  if (typeof value === "number" && value >= least && value <= most) return;
  throw featureStoreError("DEFINITION_INVALID", { of, value, rule: `${name} is a number from ${least} to ${most}` });
}
