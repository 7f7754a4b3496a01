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
