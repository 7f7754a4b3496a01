import { Histogram, type HistogramSnapshot } from "./histogram.ts";

/** What a model has done since it was loaded; it goes on across swaps. Durations are whole microseconds. */
export interface ModelStatistics {
  /** Requests answered by a run. */
  readonly requests: number;
  /** Rows of the requests answered by a run. */
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
  /** From acceptance to answer, summed over the requests answered by a run. */
  readonly latencySumMicros: number;
  /** From acceptance to answer, per request answered; quantiles are at most 6.25 % too high. */
  readonly latencyMicros: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Requests that wait now. */
  readonly queued: number;
  /** Requests answered from the response cache, without a run. */
  readonly cacheHits: number;
  /** Requests that were looked up in vain. */
  readonly cacheMisses: number;
  /** Runs by their rows: what batching has made of the requests. */
  readonly batchSizes: readonly BatchSizeStatistics[];
  /** Epoch milliseconds of the last request answered; 0 before the first. */
  readonly lastInferenceAt: number;
}

export interface BatchSizeStatistics {
  readonly rows: number;
  readonly batches: number;
  readonly computeMicros: number;
}

/** What a recorder has counted, as plain data. */
export interface StatisticsSnapshot extends Omit<
  ModelStatistics,
  "requests" | "latencySumMicros" | "latencyMicros" | "queued"
> {
  readonly latency: HistogramSnapshot;
}

/** The counters behind {@link ModelStatistics}. */
export class StatisticsRecorder {
  #rows = 0;
  #batches = 0;
  #failures = 0;
  #refused = 0;
  #queueMicros = 0;
  #computeMicros = 0;
  #cacheHits = 0;
  #cacheMisses = 0;
  #lastInferenceAt = 0;
  readonly #latency = new Histogram();
  readonly #sizes: Map<number, { batches: number; computeMicros: number }> = new Map();
  readonly #whole: StatisticsRecorder | null;

  /** What is counted here is counted in `whole` too: that of the model, for one of a version. */
  constructor(whole: StatisticsRecorder | null = null) {
    this.#whole = whole;
  }

  answered(rows: number, queueMicros: number, totalMicros: number): void {
    this.#whole?.answered(rows, queueMicros, totalMicros);
    this.#rows += rows;
    this.#queueMicros += queueMicros;
    this.#latency.record(totalMicros);
  }

  batch(rows: number, computeMicros: number, at: number): void {
    this.#whole?.batch(rows, computeMicros, at);
    this.#batches++;
    this.#computeMicros += computeMicros;
    this.#lastInferenceAt = at;
    const size = this.#sizes.get(rows);
    if (size === undefined) this.#sizes.set(rows, { batches: 1, computeMicros });
    else {
      size.batches++;
      size.computeMicros += computeMicros;
    }
  }

  failed(): void {
    this.#whole?.failed();
    this.#failures++;
  }

  refused(): void {
    this.#whole?.refused();
    this.#refused++;
  }

  looked(found: boolean): void {
    this.#whole?.looked(found);
    if (found) this.#cacheHits++;
    else this.#cacheMisses++;
  }

  /** Adds what a recorder in another process has counted. */
  add(other: StatisticsSnapshot): void {
    this.#rows += other.rows;
    this.#batches += other.batches;
    this.#failures += other.failures;
    this.#refused += other.refused;
    this.#queueMicros += other.queueMicros;
    this.#computeMicros += other.computeMicros;
    this.#cacheHits += other.cacheHits;
    this.#cacheMisses += other.cacheMisses;
    this.#lastInferenceAt = Math.max(this.#lastInferenceAt, other.lastInferenceAt);
    this.#latency.add(other.latency);
    for (const { rows, batches, computeMicros } of other.batchSizes) {
      const size = this.#sizes.get(rows) ?? { batches: 0, computeMicros: 0 };
      this.#sizes.set(rows, {
        batches: size.batches + batches,
        computeMicros: size.computeMicros + computeMicros,
      });
    }
  }

  snapshot(): StatisticsSnapshot {
    const { requests: _, latencySumMicros: __, latencyMicros: ___, queued: ____, ...counted } = this.read(0);
    return { ...counted, latency: this.#latency.snapshot() };
  }

  read(queued: number): ModelStatistics {
    const latency = this.#latency;
    return {
      requests: latency.count,
      rows: this.#rows,
      batches: this.#batches,
      failures: this.#failures,
      refused: this.#refused,
      queueMicros: Math.round(this.#queueMicros),
      computeMicros: Math.round(this.#computeMicros),
      latencySumMicros: latency.sum,
      latencyMicros: { p50: latency.quantile(0.5), p99: latency.quantile(0.99), max: latency.max },
      queued,
      cacheHits: this.#cacheHits,
      cacheMisses: this.#cacheMisses,
      batchSizes: [...this.#sizes]
        .map(([rows, { batches, computeMicros }]) => ({ rows, batches, computeMicros: Math.round(computeMicros) }))
        .sort((a, b) => a.rows - b.rows),
      lastInferenceAt: this.#lastInferenceAt,
    };
  }
}
