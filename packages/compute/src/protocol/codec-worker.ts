import { isMarkedAsUntransferable, parentPort } from "node:worker_threads";

import { type ErrorInTransit, packError } from "../errors-in-transit.ts";
import type { ModelSignature } from "../infer/signature.ts";
import type { Tensor } from "../infer/tensor.ts";
import type { ProtocolReply } from "./exchange.ts";
import { type InferRequest, readInferRequest } from "./infer-request.ts";
import { type InferAnswer, writeInferResponse } from "./infer-response.ts";

export type CodecTask =
  | {
      readonly kind: "read";
      readonly id: number;
      readonly body: Uint8Array;
      readonly jsonLength: number | null;
      readonly signature: ModelSignature;
    }
  | { readonly kind: "write"; readonly id: number; readonly answer: InferAnswer };

export type CodecAnswer =
  | { readonly kind: "done"; readonly id: number; readonly value: InferRequest | ProtocolReply }
  | { readonly kind: "failed"; readonly id: number; readonly error: ErrorInTransit };

/** Reads and writes what is too large for the thread that serves; see `codec.ts`. */
parentPort?.on("message", (task: CodecTask) => {
  const { id } = task;
  const reply = (answer: CodecAnswer, transfer: ArrayBuffer[] = []): void => parentPort?.postMessage(answer, transfer);
  try {
    if (task.kind === "read") {
      const value = readInferRequest(task.body, task.jsonLength, task.signature);
      reply({ kind: "done", id, value }, buffersOf(value.inputs));
    } else {
      reply({ kind: "done", id, value: writeInferResponse(task.answer) });
    }
  } catch (error) {
    reply({ kind: "failed", id, error: packError(error) });
  }
});

/** Those that can be given away; small arrays lie in a pool, and are copied. */
function buffersOf(tensors: readonly Tensor[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { data } of tensors) {
    if (!ArrayBuffer.isView(data)) continue;
    const { buffer } = data as { readonly buffer: ArrayBufferLike };
    if (!isMarkedAsUntransferable(buffer)) buffers.add(buffer as ArrayBuffer);
  }
  return [...buffers];
}
