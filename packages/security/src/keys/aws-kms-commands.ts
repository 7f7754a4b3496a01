import { securityError } from "../errors.ts";

/** What the two commands are made from: the part of the SDK's inputs that is used. */
export interface GenerateDataKeyInput {
  readonly KeyId: string;
  readonly KeySpec: "AES_256";
  readonly EncryptionContext: Record<string, string>;
}

/** @see GenerateDataKeyInput */
export interface DecryptInput {
  readonly KeyId: string;
  readonly CiphertextBlob: Uint8Array;
  readonly EncryptionContext: Record<string, string>;
  readonly EncryptionAlgorithm: "SYMMETRIC_DEFAULT";
}

/** The command classes of `@aws-sdk/client-kms` that are needed. */
export interface KmsCommands {
  readonly GenerateDataKeyCommand: new (input: GenerateDataKeyInput) => object;
  readonly DecryptCommand: new (input: DecryptInput) => object;
}

/** Imports the commands on first use. @throws LIBRARY_MISSING */
export async function loadKmsCommands(
  load: () => Promise<KmsCommands> = () => import("@aws-sdk/client-kms"),
): Promise<KmsCommands> {
  try {
    return await load();
  } catch (cause) {
    throw securityError("LIBRARY_MISSING", { library: "@aws-sdk/client-kms", range: "^3" }, { cause });
  }
}
