import type { EnsembleStep } from "./ensemble.ts";

/** How requests are joined into one run. */
export interface BatchingOptions {
  /** Rows joined into one run at most; a request with more is refused. Default 256. */
  readonly maxBatchRows?: number;
  /**
   * Sizes at which the model runs best. When an instance is free the largest of them that the waiting requests make up
   * exactly is run; when they make up none, the batch grows until `maxDelayMs`. Default: none.
   */
  readonly preferredBatchRows?: readonly number[];
  /**
   * How long the oldest request may wait for others, in milliseconds. Default 0: whatever waits when an instance is
   * free is run at once.
   */
  readonly maxDelayMs?: number;
  /**
   * A latency that requests shall keep, such as `"5ms p99"`: sizes and delay then follow from the measured time of
   * runs and from what requests are seen to take. `maxBatchRows` stays the upper bound, `maxDelayMs` is not used.
   */
  readonly latencyTarget?: string;
  /** The same as `queue.limit`. Default 1024. */
  readonly queueLimit?: number;
}

/** What happens to requests of one priority that wait. */
export interface QueueLevel {
  /** Requests that may wait; more are refused with INFERENCE_QUEUE_FULL. */
  readonly limit?: number;
  /** Milliseconds in the queue after which `timeoutAction` is taken. Default: none. */
  readonly timeoutMs?: number;
  /** `reject` answers with INFERENCE_DEADLINE_EXCEEDED; `delay` lets every other request go first. Default `reject`. */
  readonly timeoutAction?: "reject" | "delay";
}

export interface QueuePolicy extends QueueLevel {
  /** Priority of requests that name none: from 1, the most urgent, to 9. Default 5. */
  readonly defaultPriority?: number;
  /** What differs for one priority. A `limit` here counts the requests of this priority only. */
  readonly priorities?: Readonly<Record<string, QueueLevel>>;
}

/** A stateful model: outputs of one request of a sequence are inputs of the next. */
export interface SequenceOptions {
  /** The outputs that are fed back, zeros at the start of a sequence. */
  readonly states: readonly { readonly input: string; readonly output: string }[];
  /** Milliseconds after its last request when a sequence is forgotten. Default 60,000. */
  readonly idleTimeoutMs?: number;
  /** Sequences open at once; more are refused with SEQUENCE_LIMIT_REACHED. Default 1024. */
  readonly maxSequences?: number;
}

/**
 * How one model is served. The same object is the file `settings.json` of a model repository, and its JSON schema is
 * `@ashlar/compute/model-settings.schema.json`.
 */
export interface ModelSettings {
  /**
   * `inline` runs on the calling thread, `worker` in a thread, `process` in a process of its own, which alone survives
   * faults in native code and can be stopped in the middle of a run: take it for models that are not trusted. `auto`
   * takes `inline` when one instance is wanted and the run on a full batch, measured at the warm-up, took less than
   * `inlineBelowMicros`, else `worker`; a model that turns out slower later is moved to a worker. Default `auto`.
   */
  readonly execution?: "auto" | "inline" | "worker" | "process";
  /** Microseconds; see `execution`. Default 500. */
  readonly inlineBelowMicros?: number;
  /** Sessions that run at the same time: 1 to 64. Default 1. */
  readonly instances?: number;
  /** Run the model on zeros before it is ready, so that no request pays for the first run. Default true. */
  readonly warmup?: boolean;
  /** Milliseconds in which an instance is ready or is given up. Default 120,000. */
  readonly loadTimeoutMs?: number;
  /** Milliseconds after which a run is given up and its instance is replaced. Default: none. */
  readonly runTimeoutMs?: number;
  /** Megabytes of JavaScript heap that an instance may fill before it is ended. Default: what Node allows. */
  readonly maxHeapMb?: number;
  /** False keeps requests apart even when the model's metadata says that their rows can be joined. Default true. */
  readonly batchable?: boolean;
  /**
   * The axis along which each input and output is joined, where it is not axis 0 for all; `null` for inputs that are
   * not joined: only requests in which they are equal share a run.
   */
  readonly batchAxes?: Readonly<Record<string, number | null>>;
  readonly batching?: BatchingOptions;
  readonly queue?: QueuePolicy;
  /**
   * Milliseconds after which a run that has not answered is run once more on another free instance; the first answer
   * counts. Default: none, no run is repeated.
   */
  readonly hedgeAfterMs?: number;
  /** Share of the processor beside other models when more runs are due than `maxConcurrentRuns`. Default 1. */
  readonly weight?: number;
  /** Answers are kept by model, version and inputs, least recently used first out. Default: none are kept. */
  readonly responseCache?: { readonly maxBytes: number };
  readonly sequence?: SequenceOptions;
  /** Names of the classes of an output, by output, for the classification extension. */
  readonly labels?: Readonly<Record<string, readonly string[]>>;
  /** Which versions of a repository are served. Default `{ "latest": 1 }`. */
  readonly versionPolicy?: VersionPolicy;
  /** Makes a model of other models; it has no file of its own. */
  readonly ensemble?: EnsembleOptions;
}

export type VersionPolicy = "all" | { readonly latest: number } | { readonly specific: readonly string[] };

/** A graph of models. Tensors have names within it; each is an input of the ensemble or the output of one step. */
export interface EnsembleOptions {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly steps: readonly EnsembleStep[];
}
