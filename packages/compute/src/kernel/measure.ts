import { type BackendState, type Call, type KernelEngine, reasonOf } from "./backend.ts";
import { runPlain } from "./plain-js.ts";
import { product } from "./samples.ts";
import type { Tensor, TensorData } from "./tensor.ts";

export type SizeClass = "small" | "medium" | "large";

/** Kernels by the work in them: multiplications, or values touched. */
const sizeClasses: readonly { readonly name: SizeClass; readonly atMost: number }[] = [
  { name: "small", atMost: 2 ** 18 },
  { name: "medium", atMost: 2 ** 23 },
  { name: "large", atMost: Number.POSITIVE_INFINITY },
];

export function sizeClassOf(work: number): SizeClass {
  return sizeClasses.find(({ atMost }) => work <= atMost)?.name ?? "large";
}

/** What came of trying one backend on one kernel. */
export type Measurement =
  | {
      readonly backend: string;
      /** Mean of the repeats without the slowest, in milliseconds. */
      readonly milliseconds: number;
      /** Greatest difference to plain JS, as a share of the greatest value. */
      readonly maxError: number;
      /** False when the error is above the tolerance: then it is never chosen. */
      readonly correct: boolean;
    }
  | { readonly backend: string; readonly skipped: string };

export interface MeasureOptions {
  /** Backends that would take longer for one run, as their earlier runs tell, are left out. Milliseconds. */
  readonly limitMs: number;
  /** Milliseconds for each step of each backend, the least so far: read and written. */
  readonly rates: Map<string, Rate>;
}

export interface Rate {
  readonly milliseconds: number;
  /** Of the run that had it: in short runs most of the time is for the call, not for its steps. */
  readonly steps: number;
}

/** Sums in another order, and of float32: well above what rounding makes, well below what a wrong result is. */
const TOLERANCE = 1e-3;

/** Runs a call on every backend, and those that come close to the best once more, taking turns. */
export async function measureAll(
  states: ReadonlyMap<string, BackendState>,
  call: Call,
  { limitMs, rates }: MeasureOptions,
): Promise<Measurement[]> {
  const began = performance.now();
  const expected = runPlain(call);
  const plainMs = performance.now() - began;
  const skipped: Measurement[] = [];
  const timings: Timing[] = [];
  for (const [backend, state] of states) {
    if (!state.available) continue;
    const { engine } = state;
    const refused = engine.refuses(call.program);
    if (refused !== null) {
      skipped.push({ backend, skipped: refused });
      continue;
    }
    const steps = stepsOf(engine, call);
    if (backend === "plain-js" && plainMs > limitMs) {
      timings.push(new Timing(backend, engine, call, plainMs));
      continue;
    }
    const predicted = backend === "plain-js" ? 0 : await predict(backend, engine, steps, { limitMs, rates });
    if (predicted > limitMs) {
      skipped.push({ backend, skipped: `it would take some ${Math.round(predicted)} ms` });
      continue;
    }
    const timing = new Timing(backend, engine, call);
    timings.push(timing);
    const results = await timing.run();
    if (results !== undefined) timing.maxError = errorOf(results, expected, call);
    await takeTurns([timing], 30);
    if (timing.failure === undefined) learn(rates, backend, timing.best, steps);
  }
  const correct = timings.filter(({ maxError }) => maxError <= TOLERANCE);
  const best = Math.min(...correct.map((timing) => timing.best));
  const close = correct.filter((timing) => timing.best <= 2 * best);
  // A busy moment must not decide between two that are close.
  if (close.length > 1) await takeTurns(close, 200);
  return [...timings.map(measurementOf), ...skipped];
}

function stepsOf(engine: KernelEngine, call: Call): number {
  return Math.max(engine.steps?.(call) ?? call.work, 1);
}

function learn(rates: Map<string, Rate>, backend: string, milliseconds: number, steps: number): void {
  const known = rates.get(backend);
  if (known !== undefined && known.milliseconds <= milliseconds / steps) return;
  rates.set(backend, { milliseconds: milliseconds / steps, steps });
}

/**
 * Milliseconds that a run of so many steps would take; 0 when nothing is known. What only much shorter runs tell is
 * looked at by products of growing size first, each of which may take some times the limit if they are right.
 */
async function predict(
  backend: string,
  engine: KernelEngine,
  steps: number,
  { limitMs, rates }: MeasureOptions,
): Promise<number> {
  const predicted = (of: number): number => (rates.get(backend)?.milliseconds ?? 0) * of;
  for (const side of [4, 16, 32, 128, 256]) {
    const known = rates.get(backend)?.steps ?? steps;
    if (predicted(steps) <= limitMs || known * 16 > steps) break;
    const sample = product(side);
    const own = stepsOf(engine, sample);
    if (own <= known || engine.refuses(sample.program) !== null) continue;
    if (predicted(own) > 4 * limitMs) break;
    const timing = new Timing(backend, engine, sample);
    await timing.run();
    await timing.run();
    if (timing.failure !== undefined) break;
    learn(rates, backend, timing.best, own);
  }
  return predicted(steps);
}

function measurementOf({ backend, typical: milliseconds, maxError, failure }: Timing): Measurement {
  if (failure !== undefined) return { backend, skipped: `it failed when measured: ${failure}` };
  return { backend, milliseconds, maxError, correct: maxError <= TOLERANCE };
}

class Timing {
  readonly backend: string;
  readonly #engine: KernelEngine;
  readonly #call: Call;
  readonly #milliseconds: number[] = [];
  maxError = Number.POSITIVE_INFINITY;
  failure: string | undefined;

  /** @param knownMs of a run that was right, when there has been one */
  constructor(backend: string, engine: KernelEngine, call: Call, knownMs?: number) {
    this.backend = backend;
    this.#engine = engine;
    this.#call = call;
    if (knownMs === undefined) return;
    this.#milliseconds.push(knownMs);
    this.maxError = 0;
  }

  /** Infinite before the first run. */
  get best(): number {
    return Math.min(...this.#milliseconds);
  }

  /**
   * The mean of all runs without the first, which compiles, and the slowest: threads that wait for one another on a busy
   * machine have a good median and a bad mean.
   */
  get typical(): number {
    const [first = Number.POSITIVE_INFINITY, ...others] = this.#milliseconds;
    const counted = others.length < 3 ? others : others.sort((a, b) => a - b).slice(0, -1);
    return counted.length === 0 ? first : counted.reduce((sum, each) => sum + each, 0) / counted.length;
  }

  /** Undefined when it failed. */
  async run(): Promise<readonly Tensor[] | undefined> {
    if (this.failure !== undefined) return undefined;
    const start = performance.now();
    try {
      const results = await this.#engine.run(this.#call);
      this.#milliseconds.push(performance.now() - start);
      return results;
    } catch (error) {
      this.failure = reasonOf(error);
      return undefined;
    }
  }
}

/** Up to thirty rounds within some milliseconds. */
async function takeTurns(timings: readonly Timing[], milliseconds: number): Promise<void> {
  const began = performance.now();
  for (let round = 0; round < 30 && performance.now() - began < milliseconds; round++) {
    for (const timing of timings) await timing.run();
  }
}

/**
 * The greatest difference as a share of the greatest value. Whole numbers may differ in one of a hundred places, and
 * are not looked at beside the values they point to: among near equals rounding decides.
 */
function errorOf(found: readonly Tensor[], expected: readonly Tensor[], { program, tensors }: Call): number {
  // A result that is small because large values cancel is not exact to its own size.
  const coarse = program.nodes.some(({ operation }) => operation.coarse === true);
  const share = coarse ? 8 * Math.sqrt(Math.max(...tensors.map(({ columns }) => columns))) : 2 ** -10;
  const least = share * Math.max(...tensors.map(greatest));
  const floats = expected.some(({ data }) => !(data instanceof Int32Array));
  let worst = 0;
  expected.forEach((tensor, result) => {
    const other = found[result];
    if (other === undefined || other.data.length !== tensor.data.length) worst = Number.POSITIVE_INFINITY;
    else if (tensor.data instanceof Int32Array) worst = Math.max(worst, floats ? 0 : places(other.data, tensor.data));
    else worst = Math.max(worst, difference(other.data, tensor.data) / Math.max(greatest(tensor), least, 2 ** -126));
  });
  return worst;
}

function places(found: TensorData, expected: TensorData): number {
  let different = 0;
  for (let i = 0; i < expected.length; i++) if (found[i] !== expected[i]) different++;
  return different > expected.length / 100 ? Number.POSITIVE_INFINITY : 0;
}

function greatest({ data }: Tensor): number {
  let most = 0;
  for (let i = 0; i < data.length; i++) {
    const size = Math.abs(data[i] as number);
    if (size > most && size < Number.POSITIVE_INFINITY) most = size;
  }
  return most;
}

function difference(found: TensorData, expected: TensorData): number {
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const own = found[i] as number;
    const want = expected[i] as number;
    if (own === want || (own !== own && want !== want)) continue;
    const apart = Math.abs(own - want);
    worst = apart === apart ? Math.max(worst, apart) : Number.POSITIVE_INFINITY;
  }
  return worst;
}
