import { createPublicKey, type KeyObject, randomUUID } from "node:crypto";
import { type Clock, systemClock } from "@ashlar/core";
import { SignJWT } from "jose";
import { parseEntityId } from "../authorize/entity-id.ts";
import { securityError } from "../errors.ts";
import { type JsonWebKeyObject, type JsonWebKeySet, pinKey } from "./keys.ts";

/** Claims the issuer writes itself. */
export const reservedClaims: ReadonlySet<string> = new Set(["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "roles"]);
/** RFC 9068. */
export const accessTokenType = "at+jwt";

export interface TokenIssuerOptions {
  /** A URL that names the issuer. */
  readonly issuer: string;
  /** Private keys: the first signs; the others are only published, for tokens that still live. */
  readonly keys: readonly { readonly kid: string; readonly key: KeyObject | JsonWebKeyObject }[];
  /** @default the system clock */
  readonly clock?: Clock;
}

export interface TokenRequest {
  /** `Type::id`, e.g. `User::ada`. */
  readonly principal: string;
  readonly audience: string;
  /** @default [] */
  readonly roles?: readonly string[];
  /** Further claims. @default {} */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** @default 900 */
  readonly expiresInSeconds?: number;
}

export interface TokenIssuer {
  /** A signed JWT. @throws INVALID_OPTION for a principal that is not `Type::id`, or a claim the issuer writes itself */
  issue(request: TokenRequest): Promise<string>;
  /** The public keys, for verifiers: serve it at `/.well-known/jwks.json`. */
  jwks(): JsonWebKeySet;
}

/** Issues JWT access tokens (RFC 9068). @throws SIGNING_KEY_INVALID, INVALID_OPTION */
export function createTokenIssuer({ issuer, keys, clock = systemClock }: TokenIssuerOptions): TokenIssuer {
  const pinned = keys.map(({ kid, key }) => pinKey(key, { type: "private", kid }));
  const [signing] = pinned;
  if (signing === undefined || new Set(pinned.map(({ kid }) => kid)).size < pinned.length) {
    throw invalid("keys", `${pinned.length} keys`, "there must be one or more, each with a kid of its own");
  }
  return {
    async issue({ principal, audience, roles = [], claims = {}, expiresInSeconds = 900 }) {
      const rule = parseEntityId(principal);
      if (typeof rule === "string") throw invalid("principal", JSON.stringify(principal), rule);
      const reserved = Object.keys(claims).find((name) => reservedClaims.has(name));
      if (reserved !== undefined)
        throw invalid("claims", JSON.stringify(reserved), "the issuer writes this claim itself");
      if (!(expiresInSeconds > 0)) throw invalid("expiresInSeconds", String(expiresInSeconds), "it must be above 0");
      const now = Math.floor(clock.now() / 1000);
      return new SignJWT({ ...claims, roles: [...roles] })
        .setProtectedHeader({ alg: signing.algorithm, kid: signing.kid, typ: accessTokenType })
        .setIssuer(issuer)
        .setSubject(principal)
        .setAudience(audience)
        .setIssuedAt(now)
        .setNotBefore(now)
        .setExpirationTime(now + Math.ceil(expiresInSeconds))
        .setJti(randomUUID())
        .sign(signing.key);
    },
    jwks: () => ({
      keys: pinned.map(({ kid, algorithm, key }) => ({
        ...createPublicKey(key).export({ format: "jwk" }),
        kid,
        alg: algorithm,
        use: "sig",
      })) as JsonWebKeyObject[],
    }),
  };
}

function invalid(option: string, value: string, rule: string): Error {
  return securityError("INVALID_OPTION", { option, value, rule });
}
