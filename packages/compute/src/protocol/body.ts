import { createGunzip, createInflate, createInflateRaw, type Gunzip, type Inflate, type InflateRaw } from "node:zlib";

import { concatBytes } from "@ashlar/core";

import { computeError } from "../errors.ts";
import { type BufferPool, freeBuffer } from "../infer/buffer-pool.ts";
import type { BodyTimeouts, Timed } from "./body-timeouts.ts";

/** What holds for every body. */
export interface BodyRules {
  readonly maxBodyBytes: number;
  readonly timeouts: BodyTimeouts;
  readonly buffers: BufferPool;
}

/** Where the pieces of a body come from. */
export interface BodySource {
  readonly contentLength: string | undefined;
  readonly contentEncoding: string | undefined;
  /** Begins to give pieces. */
  read(collector: BodyCollector): void;
  /** No more are wanted. */
  stop(): void;
  /** True when nobody else sees the pieces, so that they may be written to and freed. */
  readonly ownsPieces: boolean;
}

/**
 * Collects a body of at most `maxBodyBytes`, unpacked. Reading ends at the limit, so that neither a long body nor a small
 * one that unpacks to gigabytes fills the memory, and after `bodyTimeoutMs`, so that a client which sends a byte a second
 * holds nothing for long.
 *
 * Rejects with PROTOCOL_BODY_TOO_LARGE, PROTOCOL_BODY_TIMEOUT, PROTOCOL_UNSUPPORTED or PROTOCOL_REQUEST_INVALID.
 */
export function collectBody(source: BodySource, rules: BodyRules): Promise<Uint8Array> {
  const limit = rules.maxBodyBytes;
  const length = Number(source.contentLength ?? Number.NaN);
  if (length > limit) return Promise.reject(computeError("PROTOCOL_BODY_TOO_LARGE", { limit }));
  const named = source.contentEncoding?.trim().toLowerCase() ?? "";
  // RFC 9110, section 8.4.1.3.
  const encoding = named === "x-gzip" ? "gzip" : named;
  if (encoding === "" || encoding === "identity") return new BodyCollector(source, length, rules).body;
  if (encoding === "gzip" || encoding === "deflate") {
    return new BodyCollector(source, length, rules).body.then((packed) => unpack(packed, encoding, rules));
  }
  const what = `Content-Encoding "${encoding.slice(0, 60)}"`;
  return Promise.reject(computeError("PROTOCOL_UNSUPPORTED", { what, remedy: "Use gzip or deflate, or none." }));
}

/** Up to this many bytes are made room for on the word of the client; for more, half of them must have come. */
const trustedBytes = 128 * 1024;

/** Smaller pieces are left to the collector of garbage. */
const freedBytes = 16 * 1024;

/** Puts the pieces of a body together. */
export class BodyCollector implements Timed {
  readonly body: Promise<Uint8Array>;
  dueAt = 0;
  before: Timed | null = null;
  after: Timed | null = null;
  readonly #source: BodySource;
  /** What the client has announced; NaN when it has not. */
  readonly #length: number;
  readonly #rules: BodyRules;
  #resolve!: (body: Uint8Array) => void;
  #reject!: (error: Error) => void;
  #pieces: Uint8Array[] = [];
  /** Of `#length` bytes; pieces are copied into it as they come. */
  #whole: Uint8Array | null = null;
  #size = 0;
  #done = false;

  constructor(source: BodySource, length: number, rules: BodyRules) {
    this.#source = source;
    this.#length = length;
    this.#rules = rules;
    this.body = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    rules.timeouts.start(this);
    source.read(this);
  }

  add(piece: Uint8Array): void {
    if (this.#done) return;
    const start = this.#size;
    this.#size += piece.byteLength;
    const limit = this.#rules.maxBodyBytes;
    if (this.#size > limit) {
      this.#refuse(computeError("PROTOCOL_BODY_TOO_LARGE", { limit }));
      return;
    }
    if (this.#whole !== null && this.#size > this.#length) this.#scatter(start);
    if (this.#whole !== null) this.#copy(piece, start);
    else this.#pieces.push(piece);
    if (this.#whole === null && this.#size < this.#length && this.#hasRoom()) this.#gather();
  }

  end(): void {
    if (this.#done) return;
    this.#finish();
    const [first, second] = this.#pieces;
    const single = first !== undefined && second === undefined && this.#source.ownsPieces;
    if (this.#whole !== null) this.#resolve(this.#whole.subarray(0, this.#size));
    else this.#resolve(single ? first : concatBytes(this.#pieces));
  }

  fail(error: Error): void {
    if (this.#done) return;
    const what = `the body could not be read to its end (${error.message})`;
    this.#refuse(computeError("PROTOCOL_REQUEST_INVALID", { what, rule: "it arrives whole" }, { cause: error }));
  }

  /** It has been taken out of the timeouts before. */
  onTimeout(): void {
    this.#done = true;
    this.#source.stop();
    this.#reject(computeError("PROTOCOL_BODY_TIMEOUT", { bodyTimeoutMs: this.#rules.timeouts.milliseconds }));
  }

  #hasRoom(): boolean {
    return this.#length <= trustedBytes || this.#size * 2 >= this.#length;
  }

  #gather(): void {
    this.#whole = new Uint8Array(this.#rules.buffers.take(this.#length), 0, this.#length);
    const pieces = this.#pieces;
    this.#pieces = [];
    let start = 0;
    for (const piece of pieces) {
      // A piece that was copied may be gone.
      const { byteLength } = piece;
      this.#copy(piece, start);
      start += byteLength;
    }
  }

  /** There is more than was announced. */
  #scatter(start: number): void {
    if (this.#whole !== null) this.#pieces = [this.#whole.subarray(0, start)];
    this.#whole = null;
  }

  #copy(piece: Uint8Array, start: number): void {
    this.#whole?.set(piece, start);
    const { buffer } = piece;
    if (piece.byteLength < freedBytes || !this.#source.ownsPieces || !(buffer instanceof ArrayBuffer)) return;
    if (buffer.byteLength === piece.byteLength) freeBuffer(buffer);
  }

  #refuse(error: Error): void {
    this.#finish();
    this.#source.stop();
    this.#reject(error);
  }

  #finish(): void {
    this.#done = true;
    this.#rules.timeouts.stop(this);
  }
}

async function unpack(packed: Uint8Array, encoding: "gzip" | "deflate", rules: BodyRules): Promise<Uint8Array> {
  const stream = unpacker(packed, encoding);
  const source: BodySource = {
    contentLength: undefined,
    contentEncoding: undefined,
    ownsPieces: true,
    read(collector) {
      stream
        .on("data", (piece: Uint8Array) => collector.add(piece))
        .on("end", () => collector.end())
        .on("error", (error: Error) => collector.fail(error));
      stream.end(packed);
    },
    stop: () => void stream.destroy(),
  };
  return new BodyCollector(source, Number.NaN, rules).body;
}

/** Clients send `deflate` with the zlib header that RFC 9110 asks for, and without it. */
function unpacker(packed: Uint8Array, encoding: "gzip" | "deflate"): Gunzip | Inflate | InflateRaw {
  if (encoding === "gzip") return createGunzip();
  return ((packed[0] ?? 0) & 0x0f) === 8 ? createInflate() : createInflateRaw();
}
