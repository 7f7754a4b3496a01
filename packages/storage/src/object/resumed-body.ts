import type { ObjectStore, StoredObject } from "@ashlar/core";
import { storageError } from "../errors.ts";
import { type Trial, waited } from "./backoff.ts";

export interface Resumable {
  readonly objects: ObjectStore;
  /** Opened at `start`. */
  readonly object: StoredObject;
  readonly start: number;
  readonly end: number;
  readonly trial: Trial;
}

/** The bytes of one version of an object, however often the connection breaks. */
export class ResumedBody {
  readonly #from: Resumable;
  #position: number;
  #failures = 0;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  constructor(from: Resumable) {
    this.#from = from;
    this.#position = from.start;
  }

  stream(): ReadableStream<Uint8Array> {
    this.#reader = this.#from.object.stream().getReader();
    return new ReadableStream<Uint8Array>(
      {
        pull: (controller) => this.#pull(controller),
        // A connection that broke meanwhile rejects its cancellation: it is gone all the same.
        cancel: (reason) => this.#reader?.cancel(reason).catch(() => {}),
      },
      { highWaterMark: 0 },
    );
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    for (;;) {
      try {
        const reader = (this.#reader ??= await this.#reopened());
        const { value, done } = await reader.read();
        if (done && this.#position < this.#from.end) throw this.#brokenOff();
        if (done) return controller.close();
        this.#position += value.byteLength;
        this.#failures = 0;
        return controller.enqueue(value);
      } catch (error) {
        await this.#recover(error);
        if (this.#position >= this.#from.end) return controller.close();
      }
    }
  }

  /** Waits until the next try is due, or throws what cannot be recovered from. */
  async #recover(error: unknown): Promise<void> {
    const { trial, object } = this.#from;
    trial.signal?.throwIfAborted();
    await this.#reader?.cancel(error).catch(() => {});
    this.#reader = undefined;
    this.#failures += 1;
    const isGone = error instanceof Error && "code" in error && error.code === "OBJECT_REPLACED";
    if (isGone || this.#failures >= trial.attempts || !trial.isRetryable(error)) throw error;
    if (this.#position >= this.#from.end && object.info.size > 0) return;
    if (!(await waited(trial, this.#failures, error))) throw error;
  }

  async #reopened(): Promise<ReadableStreamDefaultReader<Uint8Array>> {
    const { objects, object, end, trial } = this.#from;
    const { key, etag } = object.info;
    const range = { start: this.#position, end };
    const again = await objects.get(key, { range, ...(trial.signal === undefined ? {} : { signal: trial.signal }) });
    const stream = again.stream();
    if (again.info.etag === etag) return stream.getReader();
    await stream.cancel();
    throw storageError("OBJECT_REPLACED", { key, etag });
  }

  #brokenOff(): Error {
    const { object, end } = this.#from;
    const reason = `the body ended after byte ${this.#position} of ${end}`;
    return storageError("STORE_UNAVAILABLE", { store: "The store", operation: "get", key: object.info.key, reason });
  }
}
