import type { EncryptionContext } from "./key-provider.ts";
import type { Bytes } from "./object-store.ts";

export interface CipherOptions {
  /** @default {} */
  readonly context?: EncryptionContext;
  readonly signal?: AbortSignal;
}

/** Authenticated encryption of streams. Plaintext is released only after the segment it stands in was verified. */
export interface Cipher {
  encrypt(plaintext: Bytes, options?: CipherOptions): ReadableStream<Uint8Array>;
  /** The stream fails with DECRYPTION_FAILED on a wrong key or context, and on altered, reordered or truncated data. */
  decrypt(ciphertext: Bytes, options?: CipherOptions): ReadableStream<Uint8Array>;
}

/** A ciphertext that can be read from anywhere. */
export interface CiphertextSource {
  /** Bytes. */
  readonly size: number;
  /** The bytes from `start` up to, not including, `end`; both lie within the size. */
  read(start: number, end: number): Promise<Bytes>;
}

/** A ciphertext whose header was read and verified. */
export interface OpenedCiphertext {
  /** Plaintext bytes, as the size of the ciphertext implies: proven once the last segment was read. */
  readonly size: number;
  /**
   * The plaintext from `start` up to, not including, `end`, with `0 <= start <= end <= size`: the segments it stands
   * in are read and verified, and no others. The stream fails with DECRYPTION_FAILED as that of `decrypt` does; data
   * that was truncated is found out by every range that reaches its new end.
   */
  read(start: number, end: number, options?: { readonly signal?: AbortSignal }): ReadableStream<Uint8Array>;
  /** Verifies that the ciphertext ends where its source does, and `size` with it. @throws DECRYPTION_FAILED */
  verifyEnd(options?: { readonly signal?: AbortSignal }): Promise<void>;
}

/** A cipher of independent segments, which decrypts a part without reading the whole. */
export interface SeekableCipher extends Cipher {
  /**
   * The plaintext bytes of a ciphertext, from the beginning of its header and its size. No key is asked for, and so
   * nothing is verified. @throws DECRYPTION_FAILED when it is no ciphertext of this cipher
   */
  plaintextSize(source: CiphertextSource): Promise<number>;
  /** @throws DECRYPTION_FAILED on a wrong key or context, or an altered header */
  open(source: CiphertextSource, options?: CipherOptions): Promise<OpenedCiphertext>;
}
