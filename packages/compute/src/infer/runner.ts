import type { ModelSignature } from "./signature.ts";
import type { Tensor, TypedTensor } from "./tensor.ts";

/** Where a model runs: on the calling thread, in a worker thread, or in a process of its own. */
export type ExecutionKind = "inline" | "worker" | "process";

/** What one run gave. */
export interface RunResult {
  readonly outputs: readonly TypedTensor[];
  readonly computeMicros: number;
}

/** What runs of the model took during the warm-up; `null` where it was not measured. */
export interface RunCost {
  /** The quickest run on a full batch, in microseconds. */
  readonly batchMicros: number | null;
}

/** One instance of a model: a session that runs one batch at a time. */
export interface Runner {
  readonly kind: ExecutionKind;
  readonly signature: ModelSignature;
  readonly cost: RunCost;
  /** Resolves, with the reason, when the instance is gone. */
  readonly exited: Promise<string>;
  /** Whether a run leaves the buffers of these inputs as they are. Else they are transferred, and gone afterwards. */
  copies(inputs: readonly Tensor[]): boolean;
  /**
   * Runs one batch.
   *
   * @throws INFERENCE_FAILED when the model refuses the inputs
   * @throws INFERENCE_INSTANCE_CRASHED when the instance dies meanwhile
   */
  run(inputs: readonly Tensor[]): Promise<RunResult>;
  /** Ends the instance after the batch it is running. */
  stop(): Promise<void>;
  /**
   * Gives the instance up in the middle of a run, which then fails with `INFERENCE_INSTANCE_CRASHED`. A process is
   * killed. A thread inside native code cannot be stopped by anyone: it is left behind until the run ends.
   */
  abandon(reason: string): void;
}
