import type { RunCost, RunResult } from "./runner.ts";
import type { ModelSignature } from "./signature.ts";
import type { Tensor } from "./tensor.ts";

/** What an instance is started with. Threads share the model, so that they hold no copy of the file each. */
export interface RunnerStart {
  readonly runtime: string;
  readonly model: SharedArrayBuffer | Uint8Array;
  readonly warmup: boolean;
  /** Rows of the batch on which a run is measured. */
  readonly fullBatchRows: number;
  readonly maxHeapMb: number | null;
}

/**
 * One batch: the inputs in the order of the signature, their buffers transferred to a thread and copied to a process. To
 * a thread only what does not fit into its mailbox comes this way.
 */
export interface RunMessage {
  readonly kind: "run";
  readonly inputs: readonly Tensor[];
}

export type ToRunner =
  | { readonly kind: "start"; readonly start: RunnerStart }
  | RunMessage
  /** Ends the session. A process ends with it; a thread waits for the next start. */
  | { readonly kind: "stop" }
  /** Ends the thread. */
  | { readonly kind: "end" };

export type StartFailureStage = "runtime-missing" | "runtime" | "model" | "warmup";

export type FromRunner =
  | { readonly kind: "ready"; readonly signature: ModelSignature; readonly cost: RunCost }
  | { readonly kind: "failed"; readonly stage: StartFailureStage; readonly reason: string }
  | (RunResult & {
      readonly kind: "result";
      /** The buffers of the inputs, which a thread sends back to be used again. */
      readonly spent: readonly ArrayBuffer[];
    })
  | { readonly kind: "error"; readonly reason: string }
  /** The session of a thread has ended. */
  | { readonly kind: "stopped" };
