import type { Worker } from "node:worker_threads";

import { computeError } from "../errors.ts";
import { unpackError } from "../errors-in-transit.ts";
import type { BufferPool } from "../infer/buffer-pool.ts";
import type { ModelSignature } from "../infer/signature.ts";
import { startThread } from "../start-thread.ts";
import type { ProtocolReply } from "./exchange.ts";
import type { CodecAnswer, CodecTask } from "./codec-worker.ts";
import { type InferRequest, readInferRequest } from "./infer-request.ts";
import { type InferAnswer, writeInferResponse } from "./infer-response.ts";

type Task = CodecTask extends infer T ? (T extends { id: number } ? Omit<T, "id"> : never) : never;

export interface CodecOptions {
  /** Bytes of JSON above which the thread is used. */
  readonly offloadBytes: number;
  /** Bytes that may be in the thread or wait for it. */
  readonly offloadMaxBytes: number;
}

interface Waiting {
  readonly bytes: number;
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
  readonly #maxBytes: number;
  readonly #buffers: BufferPool;
  readonly #waiting: Map<number, Waiting> = new Map();
  #worker: Worker | null = null;
  #lastId = 0;
  /** In the thread, or on their way to it. */
  #bytes = 0;

  constructor({ offloadBytes, offloadMaxBytes }: CodecOptions, buffers: BufferPool) {
    this.#offloadBytes = offloadBytes;
    this.#maxBytes = offloadMaxBytes;
    this.#buffers = buffers;
  }

  /** @throws PROTOCOL_OVERLOADED, what `readInferRequest` throws */
  read(body: Uint8Array, jsonLength: number | null, signature: ModelSignature): InferRequest | Promise<InferRequest> {
    const text = jsonLength === null ? body.byteLength : Math.min(jsonLength, body.byteLength);
    if (text <= this.#offloadBytes) return readInferRequest(body, jsonLength, signature);
    this.#requireRoom(body.byteLength);
    const whole = this.#buffers.owns(body) ? body : new Uint8Array(body);
    const task = { kind: "read", body: whole, jsonLength, signature } as const;
    return this.#ask<InferRequest>(task, body.byteLength, [whole.buffer as ArrayBuffer]);
  }

  /** @throws PROTOCOL_OVERLOADED, what `writeInferResponse` throws */
  write(answer: InferAnswer): ProtocolReply | Promise<ProtocolReply> {
    let numbers = 0;
    for (const { name, binary } of answer.requested) if (!binary) numbers += answer.outputs[name]?.data.length ?? 0;
    if (numbers * bytesOfNumber <= this.#offloadBytes) return writeInferResponse(answer);
    this.#requireRoom(numbers * bytesOfNumber);
    return this.#ask<ProtocolReply>({ kind: "write", answer }, numbers * bytesOfNumber, []);
  }

  /** One task alone has room whatever its size, which other limits bound. */
  #requireRoom(bytes: number): void {
    if (this.#bytes === 0 || this.#bytes + bytes <= this.#maxBytes) return;
    throw computeError("PROTOCOL_OVERLOADED", { limit: this.#maxBytes });
  }

  #ask<Answer>(task: Task, bytes: number, transfer: readonly ArrayBuffer[]): Promise<Answer> {
    const worker = (this.#worker ??= this.#start());
    this.#bytes += bytes;
    return new Promise<Answer>((resolve, reject) => {
      const id = ++this.#lastId;
      this.#waiting.set(id, { bytes, resolve, reject });
      worker.ref();
      worker.postMessage({ ...task, id } as CodecTask, [...transfer]);
    });
  }

  #start(): Worker {
    const worker = startThread(entry, { name: "inference codec" });
    worker.on("message", (answer: CodecAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (this.#waiting.size === 0) worker.unref();
      if (waiting === undefined) return;
      this.#bytes -= waiting.bytes;
      if (answer.kind === "done") waiting.resolve(answer.value as never);
      else waiting.reject(unpackError(answer.error));
    });
    const lose = (reason: string): void => {
      if (this.#worker === worker) this.#worker = null;
      const error = computeError("MODEL_UNAVAILABLE", { model: "codec", reason });
      for (const waiting of this.#waiting.values()) waiting.reject(error);
      this.#waiting.clear();
      this.#bytes = 0;
    };
    worker.on("error", (error) => lose(String((error as Error | undefined)?.message ?? error)));
    worker.on("exit", () => lose("its thread ended"));
    worker.unref();
    return worker;
  }
}
