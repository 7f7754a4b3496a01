import { Worker } from "node:worker_threads";
import { storageError } from "../errors.ts";
import type { EncodedChunk } from "./encoded-chunk.ts";
import type { ColumnBuffers } from "./gathered-column.ts";
import type { Compression } from "./port.ts";
import { SharedMemory } from "./shared-memory.ts";

/** Columns of a row group for a thread. */
export interface EncodeTask {
  readonly id: number;
  readonly columns: readonly ColumnBuffers[];
  readonly compression: Compression;
}

export type EncodeAnswer = { readonly id: number } & (
  | { readonly ready: true }
  | { readonly chunks: readonly EncodedChunk[] }
  | { readonly problem: string }
);

export interface EncodeThreadsOptions {
  /** Threads. */
  readonly count: number;
  /** Whose name errors tell. */
  readonly codec: string;
  /** What a thread runs. @default `worker.ts` of this folder */
  readonly entry?: URL;
  /** Values encoded by the caller after which threads are started. @default 4 million: some tenth of a second of its time */
  readonly startAfter?: number;
  /** Bytes that are gathered for threads or on their way through them, at most. @default 64 MiB */
  readonly memory?: number;
}

/**
 * Threads that encode and compress columns beside the caller. They are started when a good deal has been encoded without
 * them, and keep no process alive. Where they cannot start, or have ended, there are none, and the caller encodes by itself.
 */
export class EncodeThreads implements AsyncDisposable {
  /** Where the columns stand that they encode. */
  readonly memory: SharedMemory;
  readonly #options: EncodeThreadsOptions;
  #threads: readonly EncodeThread[] | undefined;
  #values = 0;
  #closed = false;

  constructor(options: EncodeThreadsOptions) {
    this.#options = options;
    this.memory = new SharedMemory(options.memory ?? 64 * 1024 * 1024);
  }

  /** How many can take a column now. */
  get ready(): number {
    return this.#ready.length;
  }

  get #ready(): readonly EncodeThread[] {
    return this.#threads?.filter((thread) => thread.isReady) ?? [];
  }

  /** Whether there are columns that wait for a thread, or are in one. */
  get isBusy(): boolean {
    return this.#ready.some((thread) => thread.bytes > 0);
  }

  /** Counts values that the caller encodes. */
  encodedWithout(values: number): void {
    const { count, codec, entry = workerEntry, startAfter = 4_000_000 } = this.#options;
    this.#values += values;
    if (this.#values < startAfter || this.#threads !== undefined || this.#closed) return;
    try {
      this.#threads = Array.from({ length: count }, () => new EncodeThread(entry, codec));
    } catch {
      // Threads may be forbidden to this process.
      this.#threads = [];
    }
  }

  /** Encodes columns of a row group, in their order. @throws CODEC_FAILED when a thread ends */
  async encode(columns: readonly ColumnBuffers[], compression: Compression): Promise<readonly EncodedChunk[]> {
    const threads = this.#ready.toSorted((a, b) => a.bytes - b.bytes);
    if (threads.length === 0) throw failed(this.#options.codec, "its threads have ended");
    const shares = threads.map((_, at) => columns.filter((__, index) => index % threads.length === at));
    const ends = await Promise.allSettled(
      threads.map(async (thread, at) => {
        const share = shares[at] ?? [];
        return share.length === 0 ? [] : thread.encode(share, compression);
      }),
    );
    // Only when none of them reads the memory any more may it be used again.
    const chunks = ends.map((end) => {
      if (end.status === "rejected") throw end.reason;
      return end.value;
    });
    return columns.map((_, index) => {
      return chunks[index % threads.length]?.[Math.floor(index / threads.length)] as EncodedChunk;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#threads?.map((thread) => thread[Symbol.asyncDispose]()) ?? []);
  }
}

const workerEntry = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

const failed = (codec: string, reason: string): Error => storageError("CODEC_FAILED", { codec, reason });

interface Waiting {
  readonly bytes: number;
  readonly resolve: (chunks: readonly EncodedChunk[]) => void;
  readonly reject: (error: Error) => void;
}

class EncodeThread implements AsyncDisposable {
  isReady = false;
  /** Of the columns that it has, or that wait for it. */
  bytes = 0;
  readonly #codec: string;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;

  constructor(entry: URL, codec: string) {
    this.#codec = codec;
    this.#worker = new Worker(entry, { name: "ashlar parquet encoder" });
    this.#worker.unref();
    this.#worker.on("message", (answer: EncodeAnswer) => this.#take(answer));
    this.#worker.on("error", (error) => this.#end(String(error)));
    this.#worker.on("exit", (code) => this.#end(`a thread ended with code ${code}`));
  }

  encode(columns: readonly ColumnBuffers[], compression: Compression): Promise<readonly EncodedChunk[]> {
    const id = this.#next++;
    const bytes = columns.reduce((sum, { values }) => sum + values.byteLength, 0);
    const { promise, ...settle } = Promise.withResolvers<readonly EncodedChunk[]>();
    this.#waiting.set(id, { bytes, ...settle });
    this.bytes += bytes;
    // Somebody waits for it: until it answers the process must not end.
    this.#worker.ref();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    this.#worker.postMessage({ id, columns, compression } satisfies EncodeTask);
    return promise;
  }

  #take(answer: EncodeAnswer): void {
    if ("ready" in answer) this.isReady = true;
    const asked = this.#waiting.get(answer.id);
    if (asked === undefined) return;
    this.#waiting.delete(answer.id);
    this.bytes -= asked.bytes;
    if (this.#waiting.size === 0) this.#worker.unref();
    if ("chunks" in answer) asked.resolve(answer.chunks);
    else if ("problem" in answer) asked.reject(failed(this.#codec, answer.problem));
  }

  #end(reason: string): void {
    this.isReady = false;
    for (const { reject } of this.#waiting.values()) reject(failed(this.#codec, reason));
    this.#waiting.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}
