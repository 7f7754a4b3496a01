import { Histogram } from "./histogram.ts";

/** What a model has done since it was loaded; it goes on across swaps. Durations are whole microseconds. */
export interface ModelStatistics {
  /** Requests answered. */
  readonly requests: number;
  /** Rows of the requests answered. */
  readonly rows: number;
  /** Runs of the model that answered them. */
  readonly batches: number;
  /** Requests that got an error after they were accepted into the queue. */
  readonly failures: number;
  /** Requests refused because the queue was full. */
  readonly refused: number;
  /** Time that the answered requests waited before their batch was sent, summed. */
  readonly queueMicros: number;
  /** Time spent inside the runtime, summed over batches. */
  readonly computeMicros: number;
  /** From acceptance to answer, per request answered; quantiles are at most 6.25 % too high. */
  readonly latencyMicros: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Requests that wait now. */
  readonly queued: number;
}

/** The counters behind {@link ModelStatistics}. */
export class StatisticsRecorder {
  #rows = 0;
  #batches = 0;
  #failures = 0;
  #refused = 0;
  #queueMicros = 0;
  #computeMicros = 0;
  readonly #latency = new Histogram();

  answered(rows: number, queueMicros: number, totalMicros: number): void {
    this.#rows += rows;
    this.#queueMicros += Math.round(queueMicros);
    this.#latency.record(totalMicros);
  }

  batch(computeMicros: number): void {
    this.#batches++;
    this.#computeMicros += computeMicros;
  }

  failed(): void {
    this.#failures++;
  }

  refused(): void {
    this.#refused++;
  }

  read(queued: number): ModelStatistics {
    const latency = this.#latency;
    return {
      requests: latency.count,
      rows: this.#rows,
      batches: this.#batches,
      failures: this.#failures,
      refused: this.#refused,
      queueMicros: this.#queueMicros,
      computeMicros: this.#computeMicros,
      latencyMicros: { p50: latency.quantile(0.5), p99: latency.quantile(0.99), max: latency.max },
      queued,
    };
  }
}
