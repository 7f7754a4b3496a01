import type { ModelSignature } from "./signature.ts";
import type { TensorData, TypedTensor } from "./tensor.ts";

/** What a worker is started with. The model is shared, so that instances hold no copy of the file each. */
export interface WorkerStart {
  readonly runtime: string;
  readonly model: SharedArrayBuffer;
  readonly warmup: boolean;
}

/** One batch: the inputs in the order of the signature, their buffers transferred. */
export interface RunMessage {
  readonly kind: "run";
  readonly inputs: readonly { readonly data: TensorData; readonly shape: readonly number[] }[];
}

export type ToWorker = RunMessage | { readonly kind: "stop" };

export type StartFailureStage = "runtime-missing" | "runtime" | "model" | "warmup";

export type FromWorker =
  | { readonly kind: "ready"; readonly signature: ModelSignature }
  | { readonly kind: "failed"; readonly stage: StartFailureStage; readonly reason: string }
  | { readonly kind: "result"; readonly outputs: readonly TypedTensor[]; readonly computeMicros: number }
  | { readonly kind: "error"; readonly reason: string };
