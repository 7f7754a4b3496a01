import { createShardSums, Diverged, ShardSums, type WorkerGroup } from "./all-reduce.ts";
import { iterateLbfgs, type LbfgsState, type Objective, startLbfgs } from "./lbfgs.ts";
import { sigmoid } from "./model.ts";
import type { Reporter } from "./program.ts";
import {
  createMomentSums,
  eachShard,
  type FloatRows,
  logLossOfScore,
  measureMoments,
  standardize,
  type Standardization,
} from "./standardize.ts";
import type { TrainingState } from "./state.ts";

export interface LogisticInput {
  readonly kind: "logistic-regression";
  readonly training: FloatRows;
  readonly l2: number;
  readonly maxIterations: number;
  readonly tolerance: number;
  readonly memory: { readonly moments: SharedArrayBuffer; readonly gradient: SharedArrayBuffer };
  readonly resume?: TrainingState;
}

export function createLogisticMemory(features: number): LogisticInput["memory"] {
  return { moments: createMomentSums(features), gradient: createShardSums(features + 2) };
}

/** Minimises the mean log loss plus `l2 / (2 rows) |w|^2`. Parameters are the weights, then the intercept. */
export function trainLogisticProgram(input: LogisticInput, group: WorkerGroup, reporter: Reporter): TrainingState {
  const { training } = input;
  const moments = measureMoments(training, group, input.memory.moments);
  const objective = logisticObjective(training, moments, input.l2, group, input.memory.gradient);
  const resumed = input.resume?.values;
  let state = resumed === undefined ? startLbfgs(new Float64Array(training.features + 1), objective) : unpack(resumed);
  const losses = Array.from(resumed?.["losses"] ?? []);
  const pack = (done: boolean): TrainingState => ({
    step: losses.length,
    done,
    values: {
      ...packState(state),
      losses: Float64Array.from(losses),
      mean: widen(moments.mean),
      scale: widen(moments.scale),
    },
  });

  while (losses.length < input.maxIterations && !hasConverged(state, input.tolerance)) {
    const next = iterateLbfgs(state, objective);
    if (next === undefined) break;
    state = next;
    losses.push(state.loss);
    if (!Number.isFinite(state.loss)) throw new Diverged(losses.length, state.loss);
    reporter.progress({ step: losses.length, steps: input.maxIterations, loss: state.loss });
    reporter.checkpoint(losses.length, () => pack(false));
  }
  return pack(true);
}

function hasConverged(state: LbfgsState, tolerance: number): boolean {
  return state.gradient.every((slope) => Math.abs(slope) <= tolerance);
}

const BLOCK_ROWS = 512;

function logisticObjective(
  data: FloatRows,
  moments: Standardization,
  l2: number,
  group: WorkerGroup,
  memory: SharedArrayBuffer,
): Objective {
  const { features, rows } = data;
  const sums = new ShardSums(group, memory);
  const block = new Float64Array(BLOCK_ROWS * features);
  const scores = new Float64Array(BLOCK_ROWS);

  const addBlock = (x: Float64Array, first: number, count: number, into: Float64Array): void => {
    scores.fill(x[features]!, 0, count);
    for (let f = 0; f < features; f++) {
      const mean = moments.mean[f]!;
      const scale = moments.scale[f]!;
      const weight = x[f]!;
      for (let i = 0; i < count; i++) {
        const value = standardize(data.values[f * rows + first + i]!, mean, scale);
        block[f * BLOCK_ROWS + i] = value;
        scores[i] = scores[i]! + weight * value;
      }
    }
    let loss = 0;
    let bias = 0;
    for (let i = 0; i < count; i++) {
      const label = data.labels[first + i]!;
      loss += logLossOfScore(scores[i]!, label);
      scores[i] = sigmoid(scores[i]!) - label;
      bias += scores[i]!;
    }
    for (let f = 0; f < features; f++) {
      let slope = 0;
      for (let i = 0; i < count; i++) slope += scores[i]! * block[f * BLOCK_ROWS + i]!;
      into[f] = into[f]! + slope;
    }
    into[features] = into[features]! + bias;
    into[features + 1] = into[features + 1]! + loss;
  };

  return (x, gradient) => {
    eachShard(group, rows, (shard, { start, end }) => {
      const own = sums.shard(shard).fill(0);
      for (let first = start; first < end; first += BLOCK_ROWS)
        addBlock(x, first, Math.min(BLOCK_ROWS, end - first), own);
    });
    const total = sums.reduce();
    let penalty = 0;
    for (let k = 0; k <= features; k++) {
      const pull = k < features ? l2 * x[k]! : 0;
      gradient[k] = (total[k]! + pull) / rows;
      penalty += 0.5 * pull * x[k]!;
    }
    return (total[features + 1]! + penalty) / rows;
  };
}

function packState(state: LbfgsState): Record<string, Float64Array> {
  const { x, gradient, loss, steps, changes } = state;
  return { x, gradient, loss: Float64Array.of(loss), steps: join(steps), changes: join(changes) };
}

function unpack(values: TrainingState["values"]): LbfgsState {
  const x = values["x"]!;
  const part = (all: Float64Array): Float64Array[] =>
    Array.from({ length: all.length / x.length }, (_, i) => all.slice(i * x.length, (i + 1) * x.length));
  return {
    x,
    gradient: values["gradient"]!,
    loss: values["loss"]![0]!,
    steps: part(values["steps"]!),
    changes: part(values["changes"]!),
  };
}

function join(rows: readonly Float64Array[]): Float64Array {
  return Float64Array.from(rows.flatMap((row) => Array.from(row)));
}

function widen(values: Float32Array): Float64Array {
  return Float64Array.from(values);
}
