import { logLossOfScore } from "./standardize.ts";
import { sigmoid } from "./model.ts";

/** Where a layer's numbers lie among all parameters: weights [outputs x inputs] row-major, then a bias per output. */
export interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  readonly weights: number;
  readonly bias: number;
}

/** Layers of a network of the given widths, from the inputs to the one score. */
export function layersOf(widths: readonly number[]): {
  readonly layers: readonly Layer[];
  readonly parameters: number;
} {
  const layers: Layer[] = [];
  let at = 0;
  for (let i = 0; i + 1 < widths.length; i++) {
    const inputs = widths[i]!;
    const outputs = widths[i + 1]!;
    layers.push({ inputs, outputs, weights: at, bias: at + inputs * outputs });
    at += (inputs + 1) * outputs;
  }
  return { layers, parameters: at };
}

/** Forward and backward passes over a block of rows, ReLU between layers. Reuses its memory. */
export class Network {
  readonly layers: readonly Layer[];
  readonly parameters: number;
  readonly #activations: readonly Float64Array[];
  readonly #deltas: readonly Float64Array[];

  constructor(widths: readonly number[], maxRows: number) {
    const { layers, parameters } = layersOf(widths);
    this.layers = layers;
    this.parameters = parameters;
    this.#activations = widths.map((width) => new Float64Array(width * maxRows));
    this.#deltas = widths.map((width) => new Float64Array(width * maxRows));
  }

  /** Fill this with standardised rows, row-major, before a pass. */
  get input(): Float64Array {
    return this.#activations[0]!;
  }

  /** The score (log odds) of each row. */
  forward(parameters: Float64Array, rows: number): Float64Array {
    this.layers.forEach((layer, l) => {
      const hidden = l < this.layers.length - 1;
      multiply(this.#activations[l]!, parameters, layer, rows, this.#activations[l + 1]!, hidden);
    });
    return this.#activations[this.layers.length]!;
  }

  /** Adds the gradient of the summed log loss of the rows to `gradient` and returns that sum. */
  addGradient(parameters: Float64Array, labels: Uint8Array, rows: number, gradient: Float64Array): number {
    const scores = this.forward(parameters, rows);
    const last = this.#deltas[this.layers.length]!;
    let loss = 0;
    for (let i = 0; i < rows; i++) {
      loss += logLossOfScore(scores[i]!, labels[i]!);
      last[i] = sigmoid(scores[i]!) - labels[i]!;
    }
    for (let l = this.layers.length - 1; l >= 0; l--) {
      const layer = this.layers[l]!;
      const delta = this.#deltas[l + 1]!;
      const activation = this.#activations[l]!;
      addWeightGradient(activation, delta, layer, rows, gradient);
      if (l > 0) propagate(delta, parameters, layer, rows, activation, this.#deltas[l]!);
    }
    return loss;
  }
}

/** `output = input * weights' + bias`, then ReLU if asked. Four rows share each weight that is read. */
function multiply(
  input: Float64Array,
  parameters: Float64Array,
  layer: Layer,
  rows: number,
  output: Float64Array,
  relu: boolean,
): void {
  const { inputs, outputs } = layer;
  for (let i = 0; i < rows; i += 4) {
    const r0 = i * inputs;
    // Rows behind the last repeat it: computed in vain, and written again with the same value.
    const r1 = Math.min(i + 1, rows - 1) * inputs;
    const r2 = Math.min(i + 2, rows - 1) * inputs;
    const r3 = Math.min(i + 3, rows - 1) * inputs;
    for (let j = 0; j < outputs; j++) {
      const w = layer.weights + j * inputs;
      let s0 = parameters[layer.bias + j]!;
      let s1 = s0;
      let s2 = s0;
      let s3 = s0;
      for (let k = 0; k < inputs; k++) {
        const weight = parameters[w + k]!;
        s0 += weight * input[r0 + k]!;
        s1 += weight * input[r1 + k]!;
        s2 += weight * input[r2 + k]!;
        s3 += weight * input[r3 + k]!;
      }
      output[i * outputs + j] = relu && s0 < 0 ? 0 : s0;
      if (i + 1 < rows) output[(i + 1) * outputs + j] = relu && s1 < 0 ? 0 : s1;
      if (i + 2 < rows) output[(i + 2) * outputs + j] = relu && s2 < 0 ? 0 : s2;
      if (i + 3 < rows) output[(i + 3) * outputs + j] = relu && s3 < 0 ? 0 : s3;
    }
  }
}

/** `gradient of weights += delta' * input`, four rows at a time. */
function addWeightGradient(
  input: Float64Array,
  delta: Float64Array,
  layer: Layer,
  rows: number,
  gradient: Float64Array,
): void {
  const { inputs, outputs } = layer;
  for (let i = 0; i < rows; i += 4) {
    const r0 = i * inputs;
    const r1 = Math.min(i + 1, rows - 1) * inputs;
    const r2 = Math.min(i + 2, rows - 1) * inputs;
    const r3 = Math.min(i + 3, rows - 1) * inputs;
    for (let j = 0; j < outputs; j++) {
      const d0 = delta[i * outputs + j]!;
      const d1 = i + 1 < rows ? delta[(i + 1) * outputs + j]! : 0;
      const d2 = i + 2 < rows ? delta[(i + 2) * outputs + j]! : 0;
      const d3 = i + 3 < rows ? delta[(i + 3) * outputs + j]! : 0;
      const w = layer.weights + j * inputs;
      for (let k = 0; k < inputs; k++) {
        gradient[w + k] =
          gradient[w + k]! + d0 * input[r0 + k]! + d1 * input[r1 + k]! + d2 * input[r2 + k]! + d3 * input[r3 + k]!;
      }
      gradient[layer.bias + j] = gradient[layer.bias + j]! + d0 + d1 + d2 + d3;
    }
  }
}

/** `into = (delta * weights)` where the activation was above 0. */
function propagate(
  delta: Float64Array,
  parameters: Float64Array,
  layer: Layer,
  rows: number,
  activation: Float64Array,
  into: Float64Array,
): void {
  const { inputs, outputs } = layer;
  for (let i = 0; i < rows; i++) {
    const row = i * inputs;
    into.fill(0, row, row + inputs);
    for (let j = 0; j < outputs; j++) {
      const d = delta[i * outputs + j]!;
      if (d === 0) continue;
      const w = layer.weights + j * inputs;
      for (let k = 0; k < inputs; k++) into[row + k] = into[row + k]! + d * parameters[w + k]!;
    }
    for (let k = 0; k < inputs; k++) if (activation[row + k]! <= 0) into[row + k] = 0;
  }
}
