import { isMarkedAsUntransferable, parentPort, workerData } from "node:worker_threads";

import type { FromWorker, StartFailureStage, ToWorker, WorkerStart } from "./messages.ts";
import { importOnnxRuntime, isModuleMissing, singleThreaded } from "./runtime.ts";
import { introspect, runSession, warmUp } from "./session.ts";
import type { NumericTensorData, TypedTensor } from "./tensor.ts";

/** One instance of a model: its own thread, its own session, one batch at a time. */
if (parentPort !== null) await serve(parentPort, workerData as WorkerStart);

async function serve(port: NonNullable<typeof parentPort>, start: WorkerStart): Promise<void> {
  const reply = (message: FromWorker, transfer: readonly ArrayBuffer[] = []): void =>
    port.postMessage(message, [...transfer]);

  let stage: StartFailureStage = "runtime";
  try {
    const runtime = await importOnnxRuntime(start.runtime).catch((error: unknown) => {
      if (isModuleMissing(error)) stage = "runtime-missing";
      throw error;
    });
    stage = "model";
    // ONNX Runtime refuses shared memory, so the file is copied for as long as it is parsed.
    const session = await runtime.InferenceSession.create(new Uint8Array(new Uint8Array(start.model)), singleThreaded);
    const declared = introspect(session);
    stage = "warmup";
    const signature = start.warmup ? await warmUp(runtime, session, declared) : declared;

    port.on("message", (message: ToWorker) => {
      if (message.kind === "stop") {
        void session.release().finally(() => port.close());
        return;
      }
      const began = performance.now();
      runSession(runtime, session, signature, message.inputs).then(
        (computed) => {
          const computeMicros = Math.round((performance.now() - began) * 1000);
          const outputs = computed.map(owned);
          reply({ kind: "result", outputs, computeMicros }, buffersOf(outputs));
        },
        (error: unknown) => reply({ kind: "error", reason: reasonOf(error) }),
      );
    });
    reply({ kind: "ready", signature });
  } catch (error) {
    reply({ kind: "failed", stage, reason: reasonOf(error) });
  }
}

/** The tensor with a buffer of its own that may be transferred. */
function owned(tensor: TypedTensor): TypedTensor {
  if (!ArrayBuffer.isView(tensor.data)) return tensor;
  const data = tensor.data as NumericTensorData;
  const whole = data.byteLength === data.buffer.byteLength && data.buffer instanceof ArrayBuffer;
  return whole && !isMarkedAsUntransferable(data.buffer) ? tensor : { ...tensor, data: data.slice() };
}

/** The buffers, each once: two outputs may share one. */
function buffersOf(tensors: readonly TypedTensor[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { data } of tensors) {
    if (ArrayBuffer.isView(data)) buffers.add((data as NumericTensorData).buffer as ArrayBuffer);
  }
  return [...buffers];
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
