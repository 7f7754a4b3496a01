import { createPrivateKey, createPublicKey, KeyObject } from "node:crypto";
import type { JWK } from "jose";
import { securityError } from "../errors.ts";

/** Ed25519, ECDSA on P-256, RSA PKCS#1. */
export type TokenAlgorithm = "EdDSA" | "ES256" | "RS256";

/** A JSON Web Key. */
export type JsonWebKeyObject = JWK;

/** The public half of an issuer's keys. */
export interface JsonWebKeySet {
  readonly keys: readonly JsonWebKeyObject[];
}

/** A key with the only algorithm it is used for. */
export interface PinnedKey {
  readonly kid: string;
  readonly algorithm: TokenAlgorithm;
  readonly key: KeyObject;
}

/**
 * Takes a key object or a JWK, never text or bytes: whoever passes a PEM of a public key where a shared secret may
 * stand lets anybody sign with it. The algorithm follows from the key, so that a token cannot choose it.
 *
 * @throws SIGNING_KEY_INVALID
 */
export function pinKey(
  given: KeyObject | JsonWebKeyObject,
  { type, kid }: { type: "private" | "public"; kid: string },
): PinnedKey {
  const refuse = (rule: string): Error => securityError("SIGNING_KEY_INVALID", { key: JSON.stringify(kid), rule });
  if (typeof kid !== "string" || kid === "") throw refuse("it has no key id");
  const key = given instanceof KeyObject ? given : fromJwk(given, { type, refuse });
  if (key.type !== type) throw refuse(`it is a ${key.type} key, and a ${type} key is wanted`);
  const algorithm = algorithmOf(key, refuse);
  if (!(given instanceof KeyObject)) {
    const { alg, use } = given;
    const fits = alg === undefined || alg === algorithm || (alg === "Ed25519" && algorithm === "EdDSA");
    if (!fits) throw refuse(`it says alg ${JSON.stringify(alg)}, and is a key for ${algorithm}`);
    if (use !== undefined && use !== "sig") throw refuse(`it says use ${JSON.stringify(use)}, and not "sig"`);
  }
  return { kid, algorithm, key };
}

function fromJwk(
  jwk: unknown,
  { type, refuse }: { type: "private" | "public"; refuse: (rule: string) => Error },
): KeyObject {
  if (typeof jwk !== "object" || jwk === null || ArrayBuffer.isView(jwk))
    throw refuse("it is neither a KeyObject nor a JWK");
  const { kty, d } = jwk as JsonWebKeyObject;
  if (kty === "oct") throw refuse("it is a shared secret, with which every verifier could sign");
  if (type === "public" && d !== undefined)
    throw refuse("it has the private half of the key, and a public key is wanted");
  try {
    const input = { key: jwk as JsonWebKeyObject, format: "jwk" } as const;
    return type === "private" ? createPrivateKey(input) : createPublicKey(input);
  } catch (error) {
    throw refuse(`it is not a usable JWK: ${(error as Error).message}`);
  }
}

const minRsaBits = 2048;

function algorithmOf(key: KeyObject, refuse: (rule: string) => Error): TokenAlgorithm {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === "ed25519") return "EdDSA";
  if (key.asymmetricKeyType === "ec" && namedCurve === "prime256v1") return "ES256";
  if (key.asymmetricKeyType === "rsa") {
    if (modulusLength >= minRsaBits) return "RS256";
    throw refuse(`its RSA modulus has ${modulusLength} bits, below ${minRsaBits}`);
  }
  throw refuse(`a key of the kind ${key.asymmetricKeyType ?? "secret"} ${namedCurve ?? ""} is not used for tokens`);
}
