export interface Secret {
  readonly name: string;
  /** Opaque; changes when the secret is rotated. */
  readonly version: string;
  readonly value: Uint8Array;
}

/** Where secrets come from: a file, Vault, AWS Secrets Manager. */
export interface SecretSource {
  /** The current version, or the one named. @throws SECRET_NOT_FOUND */
  get(name: string, options?: { readonly version?: string; readonly signal?: AbortSignal }): Promise<Secret>;
}
