import { createHash, KeyObject, sign as signWithKey, verify as verifyWithKey } from "node:crypto";
import { foldsTo } from "../artifact/file-name.ts";
import { registryError } from "../errors.ts";
import { encodeBundle, signedMessage } from "./bundle.ts";
import { type SigningHash, type VerificationKey, verificationKey } from "./key.ts";
import { encodeStatement, signatureFileName, type Statement } from "./statement.ts";

export interface SignRequest {
  /** What is to be signed. */
  readonly message: Uint8Array;
  /** Its digest, for a key service that takes one: AWS KMS takes no more than 4096 bytes of a message. */
  readonly digest: Uint8Array;
  /** By which the digest was made, and the signature is to be: the one of the key's curve. */
  readonly hash: SigningHash;
  readonly signal?: AbortSignal;
}

/** A private key that is kept elsewhere. */
export interface ModelSigner {
  /** The public half: of P-256, P-384 or P-521; a KeyObject or PEM text. */
  readonly publicKey: KeyObject | string;
  /** @returns the ECDSA signature, DER encoded */
  sign(request: SignRequest): Uint8Array | Promise<Uint8Array>;
}

/** Makes signatures of models with one key. */
export interface Signing {
  readonly key: VerificationKey;
  /** @throws FILE_NAME_INVALID when a file would lie where the signature is written to */
  assertSignable(names: readonly string[]): void;
  /** @returns the bundle. @throws SIGNING_FAILED */
  sign(statement: Statement, options?: { readonly signal?: AbortSignal }): Promise<Uint8Array>;
}

/** @throws SIGNING_KEY_INVALID */
export function signingWith(given: KeyObject | ModelSigner): Signing {
  const signer = given instanceof KeyObject ? keySigner(given) : given;
  const key = verificationKey(signer.publicKey);
  return {
    key,
    assertSignable(names) {
      const file = names.find((name) => foldsTo(name, signatureFileName));
      if (file === undefined) return;
      throw registryError("FILE_NAME_INVALID", { file, rule: "the signature of the version is exported under it" });
    },
    async sign(statement, options = {}) {
      const payload = encodeStatement(statement);
      const message = signedMessage(payload);
      const digest = new Uint8Array(createHash(key.hash).update(message).digest());
      const signature = await signer.sign({ message, digest, hash: key.hash, ...options });
      // A key service may hold another key than we were told, or encode otherwise than DER.
      if (!(signature instanceof Uint8Array) || !verifyWithKey(key.hash, message, key.key, signature)) {
        throw registryError("SIGNING_FAILED", { model: statement.name, keyHint: key.hint });
      }
      return encodeBundle({ payload, signature, keyHint: key.hint });
    },
  };
}

function keySigner(key: KeyObject): ModelSigner {
  if (key.type !== "private") {
    throw registryError("SIGNING_KEY_INVALID", { key: key.type, rule: "to sign, it must be a private key" });
  }
  return { publicKey: key, sign: ({ message, hash }) => signWithKey(hash, message, key) };
}
