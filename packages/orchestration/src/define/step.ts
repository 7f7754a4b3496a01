import type { LineageDataset } from "@ashlar/core";
import type { Duration } from "./duration.ts";

/** What a step's function knows of the attempt it is in. */
export interface StepContext {
  readonly runId: string;
  readonly step: string;
  /** From 1; counts failures and interruptions alike. */
  readonly attempt: number;
  /** The same for every attempt of this step in this run: hand it to whatever the step changes outside. */
  readonly idempotencyKey: string;
  /** Aborted when the run is cancelled, the step times out, or the engine closes. */
  readonly signal: AbortSignal;
  /** Tells watchers how far the step is, `fraction` from 0 to 1. Not durable. */
  progress(fraction: number, message?: string): void;
  /** Names the datasets the step read and wrote, for the lineage event of its completion. */
  lineage(datasets: {
    readonly inputs?: readonly LineageDataset[];
    readonly outputs?: readonly LineageDataset[];
  }): void;
}

/** The work of a step. It may run more than once; its result is committed once. */
export type StepFunction<Input, Output> = (input: Input, context: StepContext) => Output | Promise<Output>;

export interface RetryOptions {
  /** Attempts after the first that a failure of the step itself may use. @default 0 */
  readonly application?: number;
  /** Attempts that the death of the process may use; counted apart from failures. @default 20 */
  readonly preemption?: number;
  /** The longest wait before the first retry; the wait is drawn evenly from 0 to it (full jitter). @default "1s" */
  readonly initial?: Duration;
  /** Growth of the longest wait with each retry. @default 2 */
  readonly factor?: number;
  /** Upper bound of the longest wait. @default "1m" */
  readonly max?: Duration;
}

export interface StepOptions {
  readonly retry?: RetryOptions;
  /** Of one attempt. @default none */
  readonly timeout?: Duration;
  /** Steps that must have finished first although no data flows from them. */
  readonly after?: readonly { readonly stepName: string }[];
}
