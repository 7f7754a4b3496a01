import { createShardSums, Diverged, ShardSums, slice, VIRTUAL_SHARDS, type WorkerGroup } from "./all-reduce.ts";
import { type AdamState, adamStep } from "./adam.ts";
import { layersOf, Network } from "./mlp-network.ts";
import type { Reporter } from "./program.ts";
import { seededRandom, shuffleInto, standardNormal } from "./random.ts";
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

export interface MlpRules {
  /** Widths of the hidden layers. */
  readonly hidden: readonly number[];
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly l2: number;
  /** Epochs without a lower validation loss before stopping; 0 is never. */
  readonly patience: number;
  readonly seed: number;
}

export interface MlpInput {
  readonly kind: "mlp";
  readonly training: FloatRows;
  readonly validation?: FloatRows;
  readonly rules: MlpRules;
  readonly memory: {
    readonly moments: SharedArrayBuffer;
    readonly gradient: SharedArrayBuffer;
    readonly loss: SharedArrayBuffer;
    readonly order: SharedArrayBuffer;
  };
  readonly resume?: TrainingState;
}

export function createMlpMemory(features: number, hidden: readonly number[], rows: number): MlpInput["memory"] {
  return {
    moments: createMomentSums(features),
    gradient: createShardSums(layersOf([features, ...hidden, 1]).parameters + 1),
    loss: createShardSums(1),
    order: new SharedArrayBuffer(rows * 4),
  };
}

const BLOCK_ROWS = 128;

/** Minibatch training with Adam. Each batch is cut into the virtual shards, whose gradients are summed in a fixed tree. */
export function trainMlpProgram(input: MlpInput, group: WorkerGroup, reporter: Reporter): TrainingState {
  const { rules, training } = input;
  const moments = measureMoments(training, group, input.memory.moments);
  const network = new Network([training.features, ...rules.hidden, 1], BLOCK_ROWS);
  const gradients = new ShardSums(group, input.memory.gradient);
  const losses = new ShardSums(group, input.memory.loss);
  const order = new Uint32Array(input.memory.order);
  const batches = Math.ceil(training.rows / rules.batchSize);
  const run = startRun(network, rules, input.resume);
  const pack = (done: boolean): TrainingState => packRun(run, moments, done);

  while (run.step < rules.epochs * batches && !isExhausted(run.validationLosses, rules.patience)) {
    const epoch = Math.floor(run.step / batches);
    if (group.rank === 0) shuffleInto(order, seededRandom(rules.seed, epoch, 0x0dde));
    group.barrier();
    for (let batch = run.step % batches; batch < batches; batch++) {
      const rows = order.subarray(batch * rules.batchSize, Math.min(training.rows, (batch + 1) * rules.batchSize));
      const total = batchGradient(network, run.adam.parameters, training, moments, rows, group, gradients);
      run.lossSum += total[network.parameters]!;
      adamStep(run.adam, regularised(network, run.adam.parameters, total, rows.length, rules.l2), rules.learningRate);
      run.step += 1;
      if (batch + 1 < batches) reporter.checkpoint(run.step, () => pack(false));
    }
    const loss = run.lossSum / training.rows;
    run.lossSum = 0;
    if (!Number.isFinite(loss)) throw new Diverged(epoch + 1, loss);
    run.losses.push(loss);
    if (input.validation !== undefined) {
      const validationLoss = meanLoss(network, run.adam.parameters, input.validation, moments, group, losses);
      if (run.validationLosses.every((before) => validationLoss < before)) run.best.set(run.adam.parameters);
      run.validationLosses.push(validationLoss);
    } else {
      run.best.set(run.adam.parameters);
    }
    const validationLoss = run.validationLosses.at(-1);
    reporter.progress({
      step: epoch + 1,
      steps: rules.epochs,
      loss,
      ...(validationLoss === undefined ? {} : { validationLoss }),
    });
    reporter.checkpoint(run.step, () => pack(false));
  }
  return pack(true);
}

/** Everything later steps depend on. */
interface Run {
  step: number;
  /** Of the epoch so far. */
  lossSum: number;
  readonly adam: AdamState;
  /** Parameters of the epoch with the lowest validation loss. */
  readonly best: Float64Array;
  readonly losses: number[];
  readonly validationLosses: number[];
}

function startRun(network: Network, rules: MlpRules, resume: TrainingState | undefined): Run {
  if (resume === undefined) {
    const parameters = initialParameters(network, rules.seed);
    const zeros = (): Float64Array => new Float64Array(parameters.length);
    const adam = { parameters, mean: zeros(), square: zeros(), steps: 0 };
    return { step: 0, lossSum: 0, adam, best: zeros(), losses: [], validationLosses: [] };
  }
  const { values, step } = resume;
  return {
    step,
    lossSum: values["lossSum"]![0]!,
    adam: { parameters: values["parameters"]!, mean: values["adamMean"]!, square: values["adamSquare"]!, steps: step },
    best: values["best"]!,
    losses: Array.from(values["losses"]!),
    validationLosses: Array.from(values["validationLosses"]!),
  };
}

function packRun(run: Run, moments: Standardization, done: boolean): TrainingState {
  return {
    step: run.step,
    done,
    values: {
      lossSum: Float64Array.of(run.lossSum),
      parameters: run.adam.parameters,
      adamMean: run.adam.mean,
      adamSquare: run.adam.square,
      best: run.best,
      losses: Float64Array.from(run.losses),
      validationLosses: Float64Array.from(run.validationLosses),
      mean: Float64Array.from(moments.mean),
      scale: Float64Array.from(moments.scale),
    },
  };
}

/** Normal weights of variance 2 / inputs (He et al. 2015), biases 0. */
function initialParameters(network: Network, seed: number): Float64Array {
  const random = seededRandom(seed, 0x1417);
  const parameters = new Float64Array(network.parameters);
  for (const { weights, bias, inputs } of network.layers) {
    for (let i = weights; i < bias; i++) parameters[i] = standardNormal(random) * Math.sqrt(2 / inputs);
  }
  return parameters;
}

function isExhausted(losses: readonly number[], patience: number): boolean {
  if (patience === 0 || losses.length === 0) return false;
  const best = losses.reduce((at, loss, i) => (loss < losses[at]! ? i : at), 0);
  return losses.length - 1 - best >= patience;
}

function batchGradient(
  network: Network,
  parameters: Float64Array,
  data: FloatRows,
  moments: Standardization,
  rows: Uint32Array,
  group: WorkerGroup,
  sums: ShardSums,
): Float64Array {
  const labels = new Uint8Array(BLOCK_ROWS);
  for (let shard = group.shards.start; shard < group.shards.end; shard++) {
    const own = sums.shard(shard).fill(0);
    const { start, end } = slice(rows.length, shard, VIRTUAL_SHARDS);
    for (let first = start; first < end; first += BLOCK_ROWS) {
      const block = rows.subarray(first, Math.min(end, first + BLOCK_ROWS));
      loadRows(network.input, data, moments, block);
      for (let i = 0; i < block.length; i++) labels[i] = data.labels[block[i]!]!;
      const loss = network.addGradient(parameters, labels, block.length, own);
      own[network.parameters] = own[network.parameters]! + loss;
    }
  }
  return sums.reduce();
}

function loadRows(into: Float64Array, data: FloatRows, moments: Standardization, rows: Uint32Array): void {
  const { features } = data;
  for (let f = 0; f < features; f++) {
    const mean = moments.mean[f]!;
    const scale = moments.scale[f]!;
    for (let i = 0; i < rows.length; i++) {
      into[i * features + f] = standardize(data.values[f * data.rows + rows[i]!]!, mean, scale);
    }
  }
}

/** The mean gradient of the batch plus the pull of the penalty on weights, not on biases. */
function regularised(
  network: Network,
  parameters: Float64Array,
  total: Float64Array,
  rows: number,
  l2: number,
): Float64Array {
  const gradient = new Float64Array(network.parameters);
  for (let i = 0; i < gradient.length; i++) gradient[i] = total[i]! / rows;
  for (const { weights, bias } of network.layers) {
    for (let i = weights; i < bias; i++) gradient[i] = gradient[i]! + l2 * parameters[i]!;
  }
  return gradient;
}

function meanLoss(
  network: Network,
  parameters: Float64Array,
  data: FloatRows,
  moments: Standardization,
  group: WorkerGroup,
  sums: ShardSums,
): number {
  eachShard(group, data.rows, (shard, { start, end }) => {
    let loss = 0;
    for (let first = start; first < end; first += BLOCK_ROWS) {
      const block = Uint32Array.from({ length: Math.min(BLOCK_ROWS, end - first) }, (_, i) => first + i);
      loadRows(network.input, data, moments, block);
      const scores = network.forward(parameters, block.length);
      for (let i = 0; i < block.length; i++) loss += logLossOfScore(scores[i]!, data.labels[first + i]!);
    }
    sums.shard(shard)[0] = loss;
  });
  return sums.reduce()[0]! / data.rows;
}
