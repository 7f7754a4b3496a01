import { coreError, type EncryptionContext, type KeyProvider } from "@ashlar/core";
import { canonicalContext } from "../encrypt/context.ts";
import { securityError } from "../errors.ts";
import { type KmsCommands, loadKmsCommands } from "./aws-kms-commands.ts";

export type { DecryptInput, GenerateDataKeyInput, KmsCommands } from "./aws-kms-commands.ts";

/** What is needed of a `KMSClient` of `@aws-sdk/client-kms` 3. */
export interface KmsClient {
  send(command: object, options?: { abortSignal?: AbortSignal }): Promise<unknown>;
}

export interface AwsKmsOptions {
  /** Your client, with its region, credentials and retries. */
  readonly client: KmsClient;
  /** Key id, ARN, or alias (`alias/models`) that wraps new data keys. */
  readonly keyId: string;
  /** ARNs of further keys that may unwrap: those an alias pointed to before. @default [] */
  readonly olderKeyIds?: readonly string[];
  /** The SDK's command classes. @default imported from `@aws-sdk/client-kms` on first use */
  readonly commands?: KmsCommands;
}

/**
 * Data keys from AWS KMS. The encryption context is given to KMS, which binds it to the wrapped key and lets key
 * policies ask for it. Decryption is pinned: KMS is told which of *your* keys to use, never the one a ciphertext names.
 *
 * Its methods throw DECRYPTION_FAILED, KMS_REFUSED (permissions, state of the key), KMS_UNAVAILABLE (throttling,
 * network; retryable), and LIBRARY_MISSING.
 *
 * @throws INVALID_OPTION for an empty key id
 */
export function awsKms({ client, keyId, olderKeyIds = [], commands }: AwsKmsOptions): KeyProvider {
  if (keyId === "") throw securityError("INVALID_OPTION", { option: "keyId", value: '""', rule: "it must name a key" });
  const trusted = new Set([keyId, ...olderKeyIds]);
  let loading: Promise<KmsCommands> | undefined;
  const loaded = (): Promise<KmsCommands> => (loading ??= commands ? Promise.resolve(commands) : loadKmsCommands());

  const call = async (
    operation: string,
    { key, command, signal }: { key: string; command: object; signal: AbortSignal | undefined },
  ): Promise<KmsOutput> => {
    try {
      return (await client.send(command, signal === undefined ? {} : { abortSignal: signal })) as KmsOutput;
    } catch (error) {
      signal?.throwIfAborted();
      throw translated(error, { operation, keyId: key });
    }
  };

  return {
    async generateDataKey(context, options) {
      const { GenerateDataKeyCommand } = await loaded();
      const input = { KeyId: keyId, KeySpec: "AES_256", EncryptionContext: pairs(context) } as const;
      const command = new GenerateDataKeyCommand(input);
      const output = await call("GenerateDataKey", { key: keyId, command, signal: options?.signal });
      const { Plaintext: plaintext, CiphertextBlob: wrapped, KeyId: usedKey } = output;
      if (plaintext?.byteLength !== 32 || wrapped === undefined || usedKey === undefined) {
        throw securityError("KMS_UNAVAILABLE", {
          operation: "GenerateDataKey",
          keyId,
          reason: "its answer is incomplete",
        });
      }
      return { plaintext, wrapped, keyId: usedKey };
    },

    async unwrapDataKey(wrapped, usedKey, context, options) {
      const { DecryptCommand } = await loaded();
      // An alias or a bare id cannot be compared with the ARN in a header: there KMS itself compares.
      const key = trusted.has(usedKey) ? usedKey : keyId;
      const command = new DecryptCommand({
        KeyId: key,
        CiphertextBlob: wrapped,
        EncryptionContext: pairs(context),
        EncryptionAlgorithm: "SYMMETRIC_DEFAULT",
      });
      const output = await call("Decrypt", { key, command, signal: options?.signal });
      if (output.KeyId !== usedKey) {
        throw coreError("DECRYPTION_FAILED", { reason: `it names the key ${usedKey}, but ${output.KeyId} opened it` });
      }
      if (output.Plaintext?.byteLength !== 32) {
        throw coreError("DECRYPTION_FAILED", { reason: "what the key service unwrapped is not a data key" });
      }
      return output.Plaintext;
    },
  };
}

interface KmsOutput {
  readonly Plaintext?: Uint8Array;
  readonly CiphertextBlob?: Uint8Array;
  readonly KeyId?: string;
}

function pairs(context: EncryptionContext): Record<string, string> {
  // For its checks: what is refused here must be refused by every provider alike.
  canonicalContext(context);
  return { ...context };
}

const undecryptable = new Set(["InvalidCiphertextException", "IncorrectKeyException", "InvalidKeyUsageException"]);
const transient = new Set([
  "DependencyTimeoutException",
  "KeyUnavailableException",
  "KMSInternalException",
  "LimitExceededException",
  "ThrottlingException",
  "TimeoutError",
]);

function translated(error: unknown, { operation, keyId }: { operation: string; keyId: string }): Error {
  const { name, message, $fault, $metadata } = error as Error & {
    readonly $fault?: "client" | "server";
    readonly $metadata?: { readonly httpStatusCode?: number };
  };
  if (operation === "Decrypt" && (undecryptable.has(name) || isAboutCiphertext(name, message))) {
    return coreError("DECRYPTION_FAILED", { reason: `the key service answered ${name}` }, { cause: error });
  }
  const details = { operation, keyId, reason: `${name}: ${message}` };
  const answered = $metadata?.httpStatusCode !== undefined && $fault === "client";
  const code = answered && !transient.has(name) ? "KMS_REFUSED" : "KMS_UNAVAILABLE";
  return securityError(code, details, { cause: error });
}

/** KMS checks the length of a ciphertext, and which key it names, before it opens it; then the ciphertext is at fault. */
function isAboutCiphertext(name: string, message: string): boolean {
  // A caller without permission is told that he "is not authorized to perform" it; else the ciphertext's key is meant.
  if (name === "AccessDeniedException") return !/not authorized/i.test(message);
  return name === "ValidationException" && /ciphertext/i.test(message);
}
