import { parentPort, workerData } from "node:worker_threads";
import { isAshlarError } from "@ashlar/core";
import { reasonOf } from "./backend.ts";
import { bind, type BoundKernel, type Kernel } from "./kernel.ts";
import { type FromKernelThread, type KernelThreadStart, programFrom, type ToKernelThread } from "./messages.ts";
import { createKernelRuntime } from "./runtime.ts";
import type { Tensor } from "./tensor.ts";

const { measureMs } = workerData as KernelThreadStart;
const runtime = await createKernelRuntime(measureMs === undefined ? {} : { measureMs });

function send(message: FromKernelThread, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, [...transfer]);
}

async function answer({ id, kind, name, program, tensors, backend }: ToKernelThread): Promise<void> {
  try {
    const bound: BoundKernel<readonly Tensor[]> = bind(name, programFrom(program), tensors, (results) => results);
    const kernel: Kernel<undefined, readonly Tensor[]> = { name, bind: () => bound };
    const options = backend === undefined ? {} : { backend };
    const results = kind === "run" ? await runtime.run(kernel, undefined, options) : [];
    const measurements = kind === "measure" ? await runtime.measure(kernel, undefined) : [];
    const memory = new Set(results.map(({ data }) => data.buffer));
    const transfer = [...memory].filter((buffer) => buffer instanceof ArrayBuffer);
    send({ kind: "answer", id, results, measurements, explanation: runtime.explain() }, transfer);
  } catch (error) {
    const unavailable = isAshlarError(error, "KERNEL_BACKEND_UNAVAILABLE");
    const details = isAshlarError(error) ? error.details : {};
    const reason = typeof details["reason"] === "string" ? details["reason"] : reasonOf(error);
    send({ kind: "failure", id, unavailable, backend: backend ?? "plain-js", reason });
  }
}

parentPort?.on("message", (message: ToKernelThread) => void answer(message));
send({ kind: "ready", explanation: runtime.explain() });
