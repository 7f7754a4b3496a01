import { between } from "../offline/between.ts";

/**
 * The quantile `q` of ascending values, interpolated between the closest ranks (Hyndman and Fan's type 7, the default of
 * numpy and R); NaN of none.
 */
export function quantileOf(sorted: Float64Array, q: number): number {
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? NaN;
  const high = sorted[Math.ceil(at)] ?? NaN;
  return between(low, high, at - Math.floor(at));
}
