/**
 * How alike two vectors are, summed in doubles in the order of their numbers.
 *
 * - `cosine`: the cosine of their angle, from -1 to 1, more is nearer; 0 where one of them is all zeros
 * - `dot`: their inner product, more is nearer
 * - `l2`: their Euclidean distance, less is nearer
 */
export type Metric = "cosine" | "dot" | "l2";

export const metrics: readonly Metric[] = ["cosine", "dot", "l2"];

/** The score of a vector against a fixed one of the same length. */
export function scorer(metric: Metric, wanted: Float32Array): (candidate: Float32Array) => number {
  if (metric === "l2") return (candidate) => Math.sqrt(squares(candidate, wanted));
  if (metric === "dot") return (candidate) => dot(candidate, wanted);
  const length = Math.sqrt(dot(wanted, wanted));
  return (candidate) => {
    const lengths = Math.sqrt(dot(candidate, candidate)) * length;
    return lengths === 0 ? 0 : dot(candidate, wanted) / lengths;
  };
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

function squares(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return sum;
}
