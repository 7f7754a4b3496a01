/** Name and value pairs bound to a ciphertext: they must be given again, exactly, to decrypt it. Not secret. */
export type EncryptionContext = Readonly<Record<string, string>>;

/** A fresh data key, in the clear and wrapped by the provider's key. */
export interface DataKey {
  /** Exactly 32 bytes. The owner zeroes it after use. */
  readonly plaintext: Uint8Array;
  readonly wrapped: Uint8Array;
  /** The key that wrapped it, as the provider names it. */
  readonly keyId: string;
}

/** Wraps and unwraps data keys: a key ring, AWS KMS, Vault. */
export interface KeyProvider {
  generateDataKey(context: EncryptionContext, options?: { readonly signal?: AbortSignal }): Promise<DataKey>;
  /** @throws DECRYPTION_FAILED when the key, the context or the wrapped bytes do not belong together */
  unwrapDataKey(
    wrapped: Uint8Array,
    keyId: string,
    context: EncryptionContext,
    options?: { readonly signal?: AbortSignal },
  ): Promise<Uint8Array>;
}
