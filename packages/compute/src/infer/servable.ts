import type { InternalRequestOptions, Receiver } from "./pending-request.ts";
import type { PreparedInputs, RequestTarget } from "./request.ts";
import type { EnsembleOptions, ModelSettings } from "./model-settings.ts";
import type { ExecutionKind } from "./runner.ts";
import type { ResolvedSettings } from "./settings.ts";

/** One version of a model that answers requests: a session and its queue, or a graph of other models. */
export interface Servable extends RequestTarget {
  readonly version: string;
  /** Instances that can run a batch. */
  readonly liveInstances: number;
  readonly execution: ExecutionKind;
  /** `null` for an ensemble, whose models have their own. */
  readonly settings: ResolvedSettings | null;
  /** What it was loaded with, without the defaults. */
  readonly givenSettings: ModelSettings;
  readonly ensemble: EnsembleOptions | null;
  /** Requests that wait. */
  readonly queued: number;
  /** Throws what is wrong at once; what comes of the request later goes to the receiver. */
  submit(inputs: PreparedInputs, options: InternalRequestOptions, receiver: Receiver): void;
  /** Answers everything that was accepted, then ends. */
  drain(): Promise<void>;
  /** Refuses what waits, lets the batches that run finish, then ends. */
  close(): Promise<void>;
}
