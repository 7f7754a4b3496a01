import { isMarkedAsUntransferable, parentPort, Worker, workerData } from "node:worker_threads";

import { isReusable } from "./buffer-pool.ts";
import type { FromRunner, RunnerStart, ToRunner } from "./messages.ts";
import { openSession, reasonOf } from "./open-session.ts";
import { runSession } from "./session.ts";
import type { NumericTensorData, Tensor, TypedTensor } from "./tensor.ts";

/** The way to the thread or process that started this one. */
interface Channel {
  /** Buffers cross it without being copied. */
  readonly transfers: boolean;
  reply(message: FromRunner, transfer: readonly ArrayBuffer[]): void;
  onMessage(listener: (message: ToRunner) => void): void;
  close(): void;
}

/** One instance of a model: a thread or process of its own, a session of its own, one batch at a time. */
if (parentPort !== null) {
  const port = parentPort;
  const channel: Channel = {
    transfers: true,
    reply: (message, transfer) => port.postMessage(message, [...transfer]),
    onMessage: (listener) => port.on("message", listener),
    close: () => port.close(),
  };
  await serve(channel, workerData as RunnerStart);
} else if (process.send !== undefined) {
  const channel: Channel = {
    transfers: false,
    reply: (message) => process.send?.(message),
    onMessage: (listener) => process.on("message", listener),
    close: () => process.disconnect(),
  };
  const watch = import.meta.url.endsWith(".ts") ? "./orphan/worker.ts" : "./orphan/worker.js";
  new Worker(new URL(watch, import.meta.url), { workerData: Number(process.argv[2]) }).unref();
  process.once("message", (message: ToRunner) => {
    if (message.kind === "start") void serve(channel, message.start);
  });
}

async function serve(channel: Channel, start: RunnerStart): Promise<void> {
  const opened = await openSession(start);
  if ("stage" in opened) {
    channel.reply({ kind: "failed", ...opened }, []);
    return;
  }
  const { runtime, session, signature, cost } = opened;
  channel.onMessage((message) => {
    if (message.kind === "stop") {
      void session.release().finally(() => channel.close());
      return;
    }
    if (message.kind !== "run") return;
    const { inputs } = message;
    const began = performance.now();
    runSession(runtime, session, signature, inputs).then(
      (computed) => {
        const computeMicros = (performance.now() - began) * 1000;
        const outputs = computed.map(owned);
        const spent = channel.transfers ? buffersOf(inputs).filter(isReusable) : [];
        channel.reply({ kind: "result", outputs, computeMicros, spent }, [...buffersOf(outputs), ...spent]);
      },
      (error: unknown) => channel.reply({ kind: "error", reason: reasonOf(error) }, []),
    );
  });
  channel.reply({ kind: "ready", signature, cost }, []);
}

/** The tensor with a buffer of its own that may be transferred. */
function owned(tensor: TypedTensor): TypedTensor {
  if (!ArrayBuffer.isView(tensor.data)) return tensor;
  const data = tensor.data as NumericTensorData;
  const whole = data.byteLength === data.buffer.byteLength && data.buffer instanceof ArrayBuffer;
  return whole && !isMarkedAsUntransferable(data.buffer) ? tensor : { ...tensor, data: data.slice() };
}

/** The buffers, each once: two outputs may share one. */
function buffersOf(tensors: readonly Tensor[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { data } of tensors) {
    if (ArrayBuffer.isView(data)) buffers.add((data as NumericTensorData).buffer as ArrayBuffer);
  }
  return [...buffers];
}
