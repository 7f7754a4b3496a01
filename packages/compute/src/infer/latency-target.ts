import { Histogram } from "./histogram.ts";

export interface LatencyTarget {
  readonly milliseconds: number;
  /** Between 0 and 1. */
  readonly quantile: number;
}

/** Reads `"5ms p99"`; the schema of the settings has checked its form. */
export function parseLatencyTarget(text: string): LatencyTarget {
  const [, value = "1", unit = "ms", percent = "99"] = /^([\d.]+)(us|ms|s) p([\d.]+)$/.exec(text) ?? [];
  const scale = { us: 0.001, ms: 1, s: 1000 }[unit] ?? 1;
  return { milliseconds: Number(value) * scale, quantile: Number((Number(percent) / 100).toFixed(6)) };
}

/** Latencies after which the budget is looked at again. */
const window = 256;

/** Sizes of batches are told apart by powers of two; a measured value counts for this share of the next estimate. */
const smoothing = 0.2;

/**
 * Finds the size and the delay of batches that keep a latency. A request waits at worst for the run before it, for the
 * delay, and for its own run: the size is the largest whose measured run fits twice, and the delay is what is left as far
 * as requests come to use it.
 * What requests are then seen to take corrects the budget, multiplicatively down and up, so that costs which the curve
 * does not hold (a busy machine, other models) are paid for too.
 */
export class LatencyController {
  readonly #target: LatencyTarget;
  readonly #maxRows: number;
  /** Microseconds by the power of two of the rows: a mean, and a mean deviation. */
  readonly #mean: number[] = [];
  readonly #deviation: number[] = [];
  #budget = 0.8;
  #latencies = new Histogram();
  #lastArrival: number | null = null;
  #gapMs = Number.POSITIVE_INFINITY;

  constructor(target: LatencyTarget, maxRows: number) {
    this.#target = target;
    this.#maxRows = maxRows;
  }

  observeRun(rows: number, micros: number): void {
    const power = Math.ceil(Math.log2(Math.max(1, rows)));
    const mean = this.#mean[power];
    if (mean === undefined) {
      this.#mean[power] = micros;
      this.#deviation[power] = micros / 4;
      return;
    }
    this.#mean[power] = mean + smoothing * (micros - mean);
    const deviation = this.#deviation[power] ?? 0;
    this.#deviation[power] = deviation + smoothing * (Math.abs(micros - mean) - deviation);
  }

  /** Monotonic milliseconds. */
  observeArrival(now: number): void {
    if (this.#lastArrival !== null) {
      const gap = now - this.#lastArrival;
      this.#gapMs = Number.isFinite(this.#gapMs) ? this.#gapMs + smoothing * (gap - this.#gapMs) : gap;
    }
    this.#lastArrival = now;
  }

  observeLatency(micros: number): void {
    this.#latencies.record(micros);
    if (this.#latencies.count < window) return;
    const seen = this.#latencies.quantile(this.#target.quantile) / 1000;
    this.#latencies = new Histogram();
    if (seen > this.#target.milliseconds) this.#budget = Math.max(0.05, this.#budget * 0.7);
    else if (seen < this.#target.milliseconds * 0.8) this.#budget = Math.min(1, this.#budget * 1.1);
  }

  /** What batches shall be like now. */
  plan(): { readonly maxRows: number; readonly delayMs: number } {
    const room = this.#target.milliseconds * 1000 * this.#budget;
    let rows = 0;
    let delayMicros = 0;
    for (let power = 0; 2 ** power < this.#maxRows * 2; power++) {
      const left = room - 2 * this.#runMicros(power);
      if (left < 0) break;
      rows = Math.min(this.#maxRows, 2 ** power);
      // A batch of this size is worth its delay only as far as requests come to fill it.
      delayMicros = Math.max(delayMicros, Math.min(left, rows * this.#gapMs * 1000));
    }
    // Not even one row keeps the target: the queue is then shortest when as much as can be is done in every run.
    if (rows === 0) return { maxRows: this.#maxRows, delayMs: 0 };
    // Waiting for a request that is not expected to come gains nothing.
    const delayMs = delayMicros / 1000;
    return { maxRows: rows, delayMs: delayMs > this.#gapMs ? delayMs : 0 };
  }

  /** A high estimate of a run; beyond the largest size seen it grows with the rows. */
  #runMicros(power: number): number {
    for (let known = power; known >= 0; known--) {
      const mean = this.#mean[known];
      if (mean !== undefined) return (mean + 2 * (this.#deviation[known] ?? 0)) * 2 ** (power - known);
    }
    return this.#mean.find((mean) => mean !== undefined) ?? 0;
  }
}
