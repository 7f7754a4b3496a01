import { randomBytes } from "node:crypto";
import type { CipherOptions } from "@ashlar/core";
import type { ByteReader } from "./byte-reader.ts";
import type { ByteSource } from "./byte-stream.ts";
import { contextDigest } from "./context.ts";
import type { BorrowedKey, DataKeys } from "./data-key-cache.ts";
import { deriveMessageKey, encodePrefix, type MessageKey } from "./header.ts";
import { sealSegment, tagLength } from "./segments.ts";

/** Plaintext bytes that are taken from the body at once, unless a segment is longer. */
const takenBytes = 512 * 1024;

const noBytes = new Uint8Array();

export interface SealingOptions extends CipherOptions {
  readonly dataKeys: DataKeys;
  readonly segmentSize: number;
}

/** The ciphertext of a body, sealed straight into the memory it is wanted in. */
export class Sealing implements ByteSource {
  readonly #body: ByteReader;
  readonly #options: SealingOptions;
  #key: { readonly message: MessageKey; readonly data: BorrowedKey } | undefined;
  /** Plaintext that is to be sealed; whether the body ends with it; the index of its first segment. */
  #plaintext: Uint8Array = noBytes;
  #isLast = false;
  #index = 0;
  /** Ciphertext that did not fit where it was wanted. */
  #held: Uint8Array = noBytes;
  /** Segments of the plaintext that are not sealed yet: at least one, the empty body has one too. */
  #segments = 0;

  constructor(body: ByteReader, options: SealingOptions) {
    this.#body = body;
    this.#options = options;
  }

  async ready(): Promise<number> {
    if (this.#key === undefined) this.#held = await this.#begin();
    else if (this.#held.byteLength === 0 && this.#segments === 0 && !this.#isLast) await this.#take();
    return this.#held.byteLength + this.#plaintext.byteLength + this.#segments * tagLength;
  }

  readInto(into: Uint8Array): number {
    let filled = this.#give(into);
    while (filled < into.byteLength && this.#segments > 0) {
      const room = into.subarray(filled);
      const length = Math.min(this.#options.segmentSize, this.#plaintext.byteLength) + tagLength;
      if (length <= room.byteLength) filled += this.#seal(room).byteLength;
      else {
        this.#held = this.#seal(new Uint8Array(length));
        filled += this.#give(room);
      }
    }
    return filled;
  }

  async #begin(): Promise<Uint8Array> {
    const { dataKeys, segmentSize, context = {}, signal } = this.#options;
    const digest = contextDigest(context);
    const data = await dataKeys.forEncryption({ context, signal });
    const salt = randomBytes(32);
    const prefix = encodePrefix({ segmentSize, salt, keyId: data.keyId, wrapped: data.wrapped });
    const message = deriveMessageKey(data.plaintext, { prefix, salt, context: digest });
    data.plaintext.fill(0);
    this.#key = { message, data };
    return Buffer.concat([prefix, message.commitment]);
  }

  /** Takes what is there already, or waits for one segment. */
  async #take(): Promise<void> {
    const { segmentSize, signal } = this.#options;
    await this.#body.atEnd();
    const most = Math.max(1, Math.floor(takenBytes / segmentSize));
    const count = Math.min(most, Math.max(1, Math.floor(this.#body.atHand / segmentSize)));
    this.#plaintext = await this.#body.read(count * segmentSize);
    this.#isLast = await this.#body.atEnd();
    // A cancelled body ends early: that must not become a message that is whole, and short.
    signal?.throwIfAborted();
    this.#key?.data.used(this.#plaintext.byteLength);
    this.#segments = Math.max(1, Math.ceil(this.#plaintext.byteLength / segmentSize));
  }

  #seal(into: Uint8Array): Uint8Array {
    if (this.#key === undefined) return noBytes;
    const segment = this.#plaintext.subarray(0, this.#options.segmentSize);
    this.#plaintext = this.#plaintext.subarray(segment.byteLength);
    this.#segments--;
    const position = { index: this.#index++, last: this.#isLast && this.#segments === 0 };
    return sealSegment(this.#key.message, position, segment, into);
  }

  #give(into: Uint8Array): number {
    const given = this.#held.subarray(0, into.byteLength);
    into.set(given);
    this.#held = this.#held.subarray(given.byteLength);
    return given.byteLength;
  }
}
