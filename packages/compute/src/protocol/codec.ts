import { Worker } from "node:worker_threads";

import { computeError } from "../errors.ts";
import { unpackError } from "../errors-in-transit.ts";
import type { BufferPool } from "../infer/buffer-pool.ts";
import type { ModelSignature } from "../infer/signature.ts";
import type { ProtocolReply } from "./exchange.ts";
import type { CodecAnswer, CodecTask } from "./codec-worker.ts";
import { type InferRequest, readInferRequest } from "./infer-request.ts";
import { type InferAnswer, writeInferResponse } from "./infer-response.ts";

type Task = CodecTask extends infer T ? (T extends { id: number } ? Omit<T, "id"> : never) : never;

interface Waiting {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** Text takes about this many bytes for a number. */
const bytesOfNumber = 12;

const entry = new URL(import.meta.url.endsWith(".ts") ? "./codec-worker.ts" : "./codec-worker.js", import.meta.url);

/**
 * Reads requests and writes answers: small ones at once, and those with more JSON than a limit in a thread that is
 * started when the first of them comes and does not keep the process alive.
 */
export class Codec {
  readonly #offloadBytes: number;
  readonly #buffers: BufferPool;
  readonly #waiting: Map<number, Waiting> = new Map();
  #worker: Worker | null = null;
  #lastId = 0;

  constructor(offloadBytes: number, buffers: BufferPool) {
    this.#offloadBytes = offloadBytes;
    this.#buffers = buffers;
  }

  /** @throws what `readInferRequest` throws */
  read(body: Uint8Array, jsonLength: number | null, signature: ModelSignature): InferRequest | Promise<InferRequest> {
    const text = jsonLength === null ? body.byteLength : Math.min(jsonLength, body.byteLength);
    if (text <= this.#offloadBytes) return readInferRequest(body, jsonLength, signature);
    const whole = this.#buffers.owns(body) ? body : new Uint8Array(body);
    return this.#ask<InferRequest>({ kind: "read", body: whole, jsonLength, signature }, [whole.buffer as ArrayBuffer]);
  }

  /** @throws what `writeInferResponse` throws */
  write(answer: InferAnswer): ProtocolReply | Promise<ProtocolReply> {
    let numbers = 0;
    for (const { name, binary } of answer.requested) if (!binary) numbers += answer.outputs[name]?.data.length ?? 0;
    if (numbers * bytesOfNumber <= this.#offloadBytes) return writeInferResponse(answer);
    return this.#ask<ProtocolReply>({ kind: "write", answer }, []);
  }

  #ask<Answer>(task: Task, transfer: readonly ArrayBuffer[]): Promise<Answer> {
    const worker = (this.#worker ??= this.#start());
    return new Promise<Answer>((resolve, reject) => {
      const id = ++this.#lastId;
      this.#waiting.set(id, { resolve, reject });
      worker.ref();
      worker.postMessage({ ...task, id } as CodecTask, [...transfer]);
    });
  }

  #start(): Worker {
    const worker = new Worker(entry, { name: "inference codec" });
    worker.on("message", (answer: CodecAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (this.#waiting.size === 0) worker.unref();
      if (waiting === undefined) return;
      if (answer.kind === "done") waiting.resolve(answer.value as never);
      else waiting.reject(unpackError(answer.error));
    });
    const lose = (reason: string): void => {
      if (this.#worker === worker) this.#worker = null;
      const error = computeError("MODEL_UNAVAILABLE", { model: "codec", reason });
      for (const waiting of this.#waiting.values()) waiting.reject(error);
      this.#waiting.clear();
    };
    worker.on("error", (error) => lose(String((error as Error | undefined)?.message ?? error)));
    worker.on("exit", () => lose("its thread ended"));
    worker.unref();
    return worker;
  }
}
