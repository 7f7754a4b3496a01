/** A smooth function: returns its value at `x` and writes its gradient. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number;

export interface LbfgsState {
  readonly x: Float64Array;
  readonly gradient: Float64Array;
  readonly loss: number;
  /** The last steps and changes of gradient, oldest first. */
  readonly steps: readonly Float64Array[];
  readonly changes: readonly Float64Array[];
}

const HISTORY = 10;
const SUFFICIENT_DECREASE = 1e-4;
const MAX_HALVINGS = 40;

export function startLbfgs(x: Float64Array, objective: Objective): LbfgsState {
  const gradient = new Float64Array(x.length);
  const loss = objective(x, gradient);
  return { x, gradient, loss, steps: [], changes: [] };
}

/**
 * One iteration of L-BFGS with backtracking (Nocedal and Wright 2006, algorithms 7.4 and 3.1). Undefined when no step
 * along the direction lowers the loss any more: the minimum as far as float64 can tell.
 */
export function iterateLbfgs(state: LbfgsState, objective: Objective): LbfgsState | undefined {
  const direction = descentDirection(state);
  const slope = dot(direction, state.gradient);
  if (!(slope < 0)) return undefined;
  let length = state.steps.length === 0 ? Math.min(1, 1 / Math.sqrt(dot(state.gradient, state.gradient))) : 1;
  for (let i = 0; i < MAX_HALVINGS; i++, length /= 2) {
    const x = state.x.map((value, k) => value + length * direction[k]!);
    const gradient = new Float64Array(x.length);
    const loss = objective(x, gradient);
    if (!(loss <= state.loss + SUFFICIENT_DECREASE * length * slope)) continue;
    if (loss === state.loss) return undefined;
    return remember(state, { x, gradient, loss });
  }
  return undefined;
}

function remember(
  before: LbfgsState,
  now: { readonly x: Float64Array; readonly gradient: Float64Array; readonly loss: number },
): LbfgsState {
  const step = now.x.map((value, k) => value - before.x[k]!);
  const change = now.gradient.map((value, k) => value - before.gradient[k]!);
  if (dot(step, change) <= Number.EPSILON * dot(change, change)) {
    return { ...now, steps: before.steps, changes: before.changes };
  }
  return {
    ...now,
    steps: [...before.steps, step].slice(-HISTORY),
    changes: [...before.changes, change].slice(-HISTORY),
  };
}

/** The two-loop recursion. */
function descentDirection(state: LbfgsState): Float64Array {
  const { steps, changes } = state;
  const direction = state.gradient.map((value) => -value);
  const weights = new Float64Array(steps.length);
  for (let i = steps.length - 1; i >= 0; i--) {
    weights[i] = dot(steps[i]!, direction) / dot(steps[i]!, changes[i]!);
    addScaled(direction, changes[i]!, -weights[i]!);
  }
  const last = steps.length - 1;
  if (last >= 0) {
    const scale = dot(steps[last]!, changes[last]!) / dot(changes[last]!, changes[last]!);
    for (let k = 0; k < direction.length; k++) direction[k] = direction[k]! * scale;
  }
  for (let i = 0; i < steps.length; i++) {
    const weight = dot(changes[i]!, direction) / dot(steps[i]!, changes[i]!);
    addScaled(direction, steps[i]!, weights[i]! - weight);
  }
  return direction;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function addScaled(into: Float64Array, from: Float64Array, factor: number): void {
  for (let i = 0; i < into.length; i++) into[i] = into[i]! + factor * from[i]!;
}
