import { createShardSums, type Range, ShardSums, slice, VIRTUAL_SHARDS, type WorkerGroup } from "./all-reduce.ts";

/** A data set as the workers receive it. */
export interface FloatRows {
  readonly rows: number;
  readonly features: number;
  /** Column-major; NaN is missing. */
  readonly values: Float32Array<SharedArrayBuffer>;
  readonly labels: Uint8Array<SharedArrayBuffer>;
}

/** `(x - mean) * scale` has mean 0 and variance 1. Float32, as the exported model will have them. */
export interface Standardization {
  readonly mean: Float32Array;
  readonly scale: Float32Array;
}

/** One over a deviation below 2.9e-39 is more, and infinite as a float32: the mean, 0, times that would be NaN. */
const LARGEST_FLOAT32 = 3.4028234663852886e38;

export const createMomentSums = (features: number): SharedArrayBuffer => createShardSums(2 * features);

/** Mean and standard deviation (of the population) of each feature over its known values, by all workers together. */
export function measureMoments(data: FloatRows, group: WorkerGroup, memory: SharedArrayBuffer): Standardization {
  const { features } = data;
  const sums = new ShardSums(group, memory);
  eachShard(group, data.rows, (shard, { start, end }) => {
    const own = sums.shard(shard);
    for (let f = 0; f < features; f++) {
      let sum = 0;
      let count = 0;
      for (let i = f * data.rows + start; i < f * data.rows + end; i++) {
        const value = data.values[i]!;
        if (value !== value) continue;
        sum += value;
        count += 1;
      }
      own[f] = sum;
      own[features + f] = count;
    }
  });
  const total = sums.reduce();
  const counts = total.slice(features);
  // A column without any value has mean 0: a missing value becomes 0 whatever it is.
  const mean = Float32Array.from({ length: features }, (_, f) => total[f]! / Math.max(counts[f]!, 1));

  eachShard(group, data.rows, (shard, { start, end }) => {
    const own = sums.shard(shard);
    for (let f = 0; f < features; f++) {
      const centre = mean[f]!;
      let sum = 0;
      for (let i = f * data.rows + start; i < f * data.rows + end; i++) {
        const value = data.values[i]!;
        if (value === value) sum += (value - centre) * (value - centre);
      }
      own[f] = sum;
    }
  });
  const squares = sums.reduce();
  const scale = Float32Array.from({ length: features }, (_, f) => {
    const deviation = Math.sqrt(squares[f]! / Math.max(counts[f]!, 1));
    // A constant column keeps its unit; rounding of its mean is no variance, but neighbours in float32, 6e-8 apart, are.
    return deviation > Math.abs(mean[f]!) * 1e-9 ? Math.min(1 / deviation, LARGEST_FLOAT32) : 1;
  });
  group.barrier();
  return { mean, scale };
}

export function standardize(value: number, mean: number, scale: number): number {
  return value === value ? (value - mean) * scale : 0;
}

/** Visits the row ranges of this worker's shards. */
export function eachShard(group: WorkerGroup, rows: number, visit: (shard: number, range: Range) => void): void {
  for (let shard = group.shards.start; shard < group.shards.end; shard++) {
    visit(shard, slice(rows, shard, VIRTUAL_SHARDS));
  }
}

/** Log loss of log odds `score` where the label is 0 or 1, without overflow. */
export function logLossOfScore(score: number, label: number): number {
  return Math.max(score, 0) - label * score + Math.log1p(Math.exp(-Math.abs(score)));
}
