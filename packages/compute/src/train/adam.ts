/** Parameters and the running moments of their gradients. */
export interface AdamState {
  readonly parameters: Float64Array;
  readonly mean: Float64Array;
  readonly square: Float64Array;
  steps: number;
}

const MEAN_DECAY = 0.9;
const SQUARE_DECAY = 0.999;
const EPSILON = 1e-8;

/** One step of Adam (Kingma and Ba 2015, algorithm 1), in place. */
export function adamStep(state: AdamState, gradient: Float64Array, learningRate: number): void {
  const { parameters, mean, square } = state;
  state.steps += 1;
  const meanCorrection = 1 - MEAN_DECAY ** state.steps;
  const squareCorrection = 1 - SQUARE_DECAY ** state.steps;
  for (let i = 0; i < parameters.length; i++) {
    const slope = gradient[i]!;
    mean[i] = MEAN_DECAY * mean[i]! + (1 - MEAN_DECAY) * slope;
    square[i] = SQUARE_DECAY * square[i]! + (1 - SQUARE_DECAY) * slope * slope;
    const corrected = mean[i]! / meanCorrection;
    parameters[i] = parameters[i]! - (learningRate * corrected) / (Math.sqrt(square[i]! / squareCorrection) + EPSILON);
  }
}
