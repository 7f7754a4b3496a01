import {
  isMarkedAsUntransferable,
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  Worker,
  workerData,
} from "node:worker_threads";

import { isReusable } from "./buffer-pool.ts";
import { ReceiverMailbox } from "./mailbox.ts";
import type { FromRunner, RunnerStart, ToRunner } from "./messages.ts";
import { type OpenSession, openSession, reasonOf } from "./open-session.ts";
import { runSession } from "./session.ts";
import { ShortWait } from "./short-wait.ts";
import type { NumericTensorData, Tensor, TypedTensor } from "./tensor.ts";

/** The other end of an instance: a thread or process of its own, a session of its own, one batch at a time. */
if (parentPort !== null) {
  await serveThread(parentPort, new ReceiverMailbox(workerData as SharedArrayBuffer));
} else if (process.send !== undefined) {
  const watch = import.meta.url.endsWith(".ts") ? "./orphan/worker.ts" : "./orphan/worker.js";
  new Worker(new URL(watch, import.meta.url), { workerData: Number(process.argv[2]) }).unref();
  process.once("message", (message: ToRunner) => {
    if (message.kind === "start") void serveProcess(message.start);
  });
}

/** Serves one model after another, and blocks the thread meanwhile: nothing else is done in it. */
async function serveThread(port: MessagePort, mailbox: ReceiverMailbox): Promise<void> {
  for (;;) {
    const { sent } = mailbox;
    const message = received(port);
    if (message?.kind === "end") return;
    if (message?.kind === "start") await serveModel(port, mailbox, message.start);
    if (message === undefined) mailbox.sleep(sent);
  }
}

async function serveModel(port: MessagePort, mailbox: ReceiverMailbox, start: RunnerStart): Promise<void> {
  const reply = (message: FromRunner, transfer: readonly ArrayBuffer[] = []): void => {
    port.postMessage(message, [...transfer]);
  };
  const opened = await openSession(start);
  if ("stage" in opened) {
    mailbox.rest();
    reply({ kind: "failed", ...opened });
    return;
  }
  const { session, signature, cost } = opened;
  const shortWait = new ShortWait();
  let runMs = 0;
  mailbox.open(signature);
  mailbox.rest();
  reply({ kind: "ready", signature, cost });
  for (let stopping = false; ;) {
    const { sent } = mailbox;
    if (mailbox.isFull) {
      const answer = await answerOf(opened, () => mailbox.receive());
      const mailed = answer.kind === "result" && mailbox.fits(answer.outputs) ? answer : null;
      mailbox.rest();
      // First this: who has the answer through the port may send the next batch at once.
      mailbox.answer(mailed);
      if (mailed === null) reply(...withOwnBuffers(answer, []));
      if (answer.kind === "result") runMs = answer.computeMicros / 1000;
      continue;
    }
    if (stopping) break;
    const message = received(port);
    // A batch that was sent before it may have come after the look into the mailbox.
    if (message?.kind === "stop") stopping = true;
    if (message?.kind === "run") {
      const { inputs } = message;
      const answer = await answerOf(opened, () => inputs);
      mailbox.rest();
      reply(...withOwnBuffers(answer, buffersOf(inputs).filter(isReusable)));
    }
    if (message !== undefined) continue;
    shortWait.wait(
      runMs,
      () => mailbox.sent !== sent,
      () => mailbox.sleep(sent),
    );
  }
  await session.release();
  reply({ kind: "stopped" });
}

function received(port: MessagePort): ToRunner | undefined {
  return receiveMessageOnPort(port)?.message as ToRunner | undefined;
}

async function serveProcess(start: RunnerStart): Promise<void> {
  // Who gave a run up may have gone before its answer.
  const reply = (message: FromRunner): void => void process.send?.(message, () => {});
  const opened = await openSession(start);
  if ("stage" in opened) {
    reply({ kind: "failed", ...opened });
    return;
  }
  const { session, signature, cost } = opened;
  process.on("message", (message: ToRunner) => {
    if (message.kind === "stop") void session.release().finally(() => process.disconnect());
    if (message.kind === "run") void answerOf(opened, () => message.inputs).then(reply);
  });
  reply({ kind: "ready", signature, cost });
}

type Answer = Extract<FromRunner, { readonly kind: "result" | "error" }>;

async function answerOf(
  { runtime, session, signature }: OpenSession,
  inputs: () => readonly Tensor[],
): Promise<Answer> {
  try {
    const began = performance.now();
    const outputs = await runSession(runtime, session, signature, inputs());
    return { kind: "result", outputs, computeMicros: (performance.now() - began) * 1000, spent: [] };
  } catch (error) {
    return { kind: "error", reason: reasonOf(error) };
  }
}

/** An answer whose buffers are transferred, with those of the inputs, which are spent. */
function withOwnBuffers(
  answer: Answer,
  spent: readonly ArrayBuffer[],
): [message: FromRunner, transfer: readonly ArrayBuffer[]] {
  if (answer.kind === "error") return [answer, []];
  const outputs = answer.outputs.map(owned);
  return [{ ...answer, outputs, spent }, [...buffersOf(outputs), ...spent]];
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
