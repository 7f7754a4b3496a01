import { Worker } from "node:worker_threads";

import { computeError } from "../errors.ts";
import type { FromWorker, RunMessage, ToWorker, WorkerStart } from "./messages.ts";
import { onnxRuntimePackage } from "./runtime.ts";
import type { ModelSignature } from "./signature.ts";
import type { NumericTensorData, Tensor, TypedTensor } from "./tensor.ts";

/** What one run gave. */
export interface RunResult {
  readonly outputs: readonly TypedTensor[];
  readonly computeMicros: number;
}

/** A worker thread with a session of its own; it runs one batch at a time. */
export interface Instance {
  readonly signature: ModelSignature;
  /** Resolves, with the reason, when the thread is gone. */
  readonly exited: Promise<string>;
  /**
   * Runs one batch; the buffers of the inputs are gone afterwards.
   *
   * @throws INFERENCE_FAILED when the model refuses the inputs
   * @throws INFERENCE_INSTANCE_CRASHED when the thread dies meanwhile
   */
  run(inputs: readonly Tensor[]): Promise<RunResult>;
  /** Ends the thread after the batch it is running. */
  stop(): Promise<void>;
}

const workerUrl = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/**
 * Starts a thread, creates the session and warms it up.
 *
 * @throws LIBRARY_MISSING, MODEL_INVALID, MODEL_WARMUP_FAILED, MODEL_UNAVAILABLE when the thread dies on the way
 */
export function startInstance(model: string, start: WorkerStart): Promise<Instance> {
  const worker = new Worker(workerUrl, { workerData: start, name: `inference ${model}` });
  let waiting: { resolve: (result: RunResult) => void; reject: (error: Error) => void } | null = null;
  let crash: string | null = null;
  let gone: string | null = null;

  return new Promise((ready, refuse) => {
    const exited = new Promise<string>((resolve) => {
      worker.on("exit", (code) => resolve(crash ?? `the thread ended with code ${code}`));
    });
    worker.on("error", (error) => {
      crash = error instanceof Error ? error.message : String(error);
    });
    void exited.then((reason) => {
      gone = reason;
      waiting?.reject(computeError("INFERENCE_INSTANCE_CRASHED", { model, reason }));
      waiting = null;
      refuse(computeError("MODEL_UNAVAILABLE", { model, reason: `an instance died while starting: ${reason}` }));
    });

    const post = (message: ToWorker, transfer: ArrayBuffer[] = []): void => worker.postMessage(message, transfer);
    const instance = (signature: ModelSignature): Instance => ({
      signature,
      exited,
      run: (inputs) =>
        new Promise((resolve, reject) => {
          if (gone !== null) {
            reject(computeError("INFERENCE_INSTANCE_CRASHED", { model, reason: gone }));
            return;
          }
          waiting = { resolve, reject };
          const message: RunMessage = { kind: "run", inputs };
          post(message, buffersOf(inputs));
        }),
      async stop() {
        post({ kind: "stop" });
        await exited;
      },
    });

    worker.on("message", (message: FromWorker) => {
      const settle = waiting;
      switch (message.kind) {
        case "ready":
          ready(instance(message.signature));
          break;
        case "failed":
          refuse(startError(model, message.stage, message.reason, start.runtime));
          break;
        case "result":
          waiting = null;
          settle?.resolve(message);
          break;
        case "error":
          waiting = null;
          settle?.reject(computeError("INFERENCE_FAILED", { model, reason: message.reason }));
          break;
      }
    });
  });
}

function startError(
  model: string,
  stage: Extract<FromWorker, { kind: "failed" }>["stage"],
  reason: string,
  runtime: string,
): Error {
  switch (stage) {
    case "runtime-missing":
      return computeError("LIBRARY_MISSING", {
        library: onnxRuntimePackage.library,
        range: onnxRuntimePackage.range,
        purpose: `to run ONNX models (import of "${runtime}" failed)`,
      });
    case "runtime":
      return computeError("MODEL_UNAVAILABLE", { model, reason: `the runtime "${runtime}" does not load: ${reason}` });
    case "model":
      return computeError("MODEL_INVALID", { model, reason });
    case "warmup":
      return computeError("MODEL_WARMUP_FAILED", { model, reason });
  }
}

function buffersOf(tensors: readonly Tensor[]): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = [];
  for (const { data } of tensors) {
    if (ArrayBuffer.isView(data)) buffers.push((data as NumericTensorData).buffer as ArrayBuffer);
  }
  return buffers;
}
