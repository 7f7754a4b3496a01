import type { Worker } from "node:worker_threads";
import { computeError } from "../errors.ts";
import { startThread } from "../start-thread.ts";
import type { Explanation } from "./choice.ts";
import type { Kernel } from "./kernel.ts";
import type { Measurement } from "./measure.ts";
import { type FromKernelThread, textOf, type ToKernelThread } from "./messages.ts";
import type { KernelRuntime, RunOptions } from "./runtime.ts";
import type { Tensor } from "./tensor.ts";

export interface KernelThreadOptions {
  /** As for `createKernelRuntime`. @default 1500 */
  readonly measureMs?: number;
}

type Answer = Extract<FromKernelThread, { readonly kind: "answer" }>;

/**
 * A kernel runtime in a worker thread, with the default backends: however long a kernel takes, the calling thread stays
 * free. Inputs are copied on their way, but for those in a `SharedArrayBuffer`; results are handed over.
 *
 * @throws KERNEL_BACKEND_FAILED when the thread cannot start
 */
export async function createKernelThread(options: KernelThreadOptions = {}): Promise<KernelRuntime> {
  const entry = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);
  const worker = startThread(entry, { workerData: { measureMs: options.measureMs } });
  const { promise, resolve, reject } = Promise.withResolvers<Explanation>();
  const runtime = new ThreadRuntime(worker, resolve, reject);
  try {
    runtime.explanation = await promise;
    return runtime;
  } catch (error) {
    await worker.terminate();
    throw error;
  }
}

class ThreadRuntime implements KernelRuntime {
  readonly #worker: Worker;
  readonly #waiting = new Map<
    number,
    { readonly name: string; readonly resolve: (answer: Answer) => void; readonly reject: (error: Error) => void }
  >();
  explanation: Explanation = { backends: [], choices: [], failures: [], text: "" };
  #next = 0;
  #ended: string | undefined;

  constructor(worker: Worker, onReady: (explanation: Explanation) => void, onEnd: (error: Error) => void) {
    this.#worker = worker;
    worker.on("message", (message: FromKernelThread) => {
      if (message.kind === "ready") onReady(message.explanation);
      else this.#settle(message);
    });
    const end = (reason: string): void => {
      this.#ended ??= reason;
      onEnd(this.#failed("start", this.#ended));
      for (const { name, reject } of this.#waiting.values()) reject(this.#failed(name, this.#ended));
      this.#waiting.clear();
    };
    worker.on("error", (error) => end(error instanceof Error ? error.message : String(error)));
    worker.on("exit", (code) => end(`the thread ended with code ${code}`));
  }

  async run<Inputs, Output>(kernel: Kernel<Inputs, Output>, inputs: Inputs, options: RunOptions = {}): Promise<Output> {
    const bound = kernel.bind(inputs);
    const { backend } = options;
    const { results } = await this.#ask({ ...message("run", bound), ...(backend === undefined ? {} : { backend }) });
    return bound.finish(results);
  }

  async measure<Inputs, Output>(kernel: Kernel<Inputs, Output>, inputs: Inputs): Promise<readonly Measurement[]> {
    return (await this.#ask(message("measure", kernel.bind(inputs)))).measurements;
  }

  explain(): Explanation {
    return this.explanation;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended ??= "the runtime was closed";
    await this.#worker.terminate();
  }

  #ask(question: Omit<ToKernelThread, "id">): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    if (this.#ended !== undefined) return Promise.reject(this.#failed(question.name, this.#ended));
    const id = this.#next++;
    this.#waiting.set(id, { name: question.name, resolve, reject });
    // The rule is for windows: a port between threads has no origin.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    this.#worker.postMessage({ ...question, id } satisfies ToKernelThread);
    return promise;
  }

  #settle(message: Exclude<FromKernelThread, { readonly kind: "ready" }>): void {
    const asked = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.kind === "answer") {
      this.explanation = message.explanation;
      asked?.resolve(message);
    } else {
      const { backend, reason, unavailable } = message;
      asked?.reject(
        unavailable
          ? computeError("KERNEL_BACKEND_UNAVAILABLE", { backend, reason })
          : computeError("KERNEL_BACKEND_FAILED", { backend, kernel: asked.name, reason }),
      );
    }
  }

  #failed(kernel: string, reason: string): Error {
    return computeError("KERNEL_BACKEND_FAILED", { backend: "thread", kernel, reason });
  }
}

function message(
  kind: ToKernelThread["kind"],
  {
    name,
    program,
    tensors,
  }: { readonly name: string; readonly program: Parameters<typeof textOf>[0]; readonly tensors: readonly Tensor[] },
): Omit<ToKernelThread, "id"> {
  const plain = tensors.map(({ data, rows, columns }) => ({ data: compact(data), rows, columns }));
  return { kind, name, program: textOf(program), tensors: plain };
}

/** A view of a part would take the whole memory behind it along. */
function compact(data: Tensor["data"]): Tensor["data"] {
  const whole = data.byteLength === data.buffer.byteLength || data.buffer instanceof SharedArrayBuffer;
  return whole ? data : data.slice();
}
