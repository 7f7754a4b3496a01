import { createHash, createPublicKey, KeyObject } from "node:crypto";
import { registryError } from "../errors.ts";

/** The hash a curve signs with. Sigstore has no other elliptic-curve pairs, and model-signing no other keys. */
const hashOfCurve: Readonly<Record<string, SigningHash>> = {
  prime256v1: "sha256",
  secp384r1: "sha384",
  secp521r1: "sha512",
};

export type SigningHash = "sha256" | "sha384" | "sha512";

/** A key signatures are verified with. */
export interface VerificationKey {
  readonly key: KeyObject;
  /** Hex SHA-256 of the PEM text of the public key: the name of the key in a bundle. */
  readonly hint: string;
  readonly hash: SigningHash;
}

/**
 * Reads the public half of an elliptic-curve key.
 *
 * @throws SIGNING_KEY_INVALID unless it is of P-256, P-384 or P-521
 */
export function verificationKey(given: KeyObject | string): VerificationKey {
  const key = publicKeyOf(given);
  const { namedCurve } = key.asymmetricKeyDetails ?? {};
  const hash = namedCurve === undefined ? undefined : hashOfCurve[namedCurve];
  if (key.asymmetricKeyType !== "ec" || hash === undefined) {
    const kind = [key.asymmetricKeyType, namedCurve].filter(Boolean).join(" ");
    throw registryError("SIGNING_KEY_INVALID", { key: kind, rule: "its curve must be P-256, P-384 or P-521" });
  }
  const pem = key.export({ type: "spki", format: "pem" });
  return { key, hint: createHash("sha256").update(pem).digest("hex"), hash };
}

function publicKeyOf(given: KeyObject | string): KeyObject {
  if (given instanceof KeyObject && given.type === "public") return given;
  if (given instanceof KeyObject && given.type === "secret") {
    throw registryError("SIGNING_KEY_INVALID", { key: "secret", rule: "a shared secret cannot sign for others" });
  }
  try {
    return createPublicKey(given);
  } catch (cause) {
    const rule = "it must be a KeyObject or the PEM text of a public key";
    throw registryError("SIGNING_KEY_INVALID", { key: typeof given, rule }, { cause });
  }
}
