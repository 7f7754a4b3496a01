import { type Clock, systemClock } from "@ashlar/core";
import { errors, jwtVerify } from "jose";
import { parseEntityId } from "../authorize/entity-id.ts";
import { securityError } from "../errors.ts";
import { accessTokenType } from "./issuer.ts";
import { fetchedKeySet, fixedKeySet, type KeySetSource } from "./key-set.ts";
import type { JsonWebKeySet, TokenAlgorithm } from "./keys.ts";
import { parseStrictObject } from "./strict-json.ts";

export interface TokenVerifierOptions {
  readonly issuer: string;
  /** Who the token must be for. */
  readonly audience: string;
  /** Public keys, each with a `kid`; or a function that fetches them. */
  readonly keys: JsonWebKeySet | KeySetSource;
  /** @default ["EdDSA", "ES256", "RS256"] */
  readonly algorithms?: readonly TokenAlgorithm[];
  /** The header's `typ`. @default "at+jwt" */
  readonly type?: string;
  /** The `Type::id` of a token, for issuers whose `sub` is none. @default its `sub` */
  readonly principal?: (claims: Readonly<Record<string, unknown>>) => string;
  /** How far the issuer's clock may be from this one. @default 5 */
  readonly clockToleranceSeconds?: number;
  /** @default the system clock */
  readonly clock?: Clock;
}

export interface VerifiedToken {
  /** `Type::id`. */
  readonly principal: string;
  readonly roles: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

export interface TokenVerifier {
  /** @throws TOKEN_INVALID */
  verify(token: string): Promise<VerifiedToken>;
}

const maxTokenLength = 16 * 1024;
const base64url = /^[A-Za-z0-9_-]+$/;
/** Everything else in a header (`jku`, `jwk`, `x5u`, `crit`, `b64` ...) asks the verifier to trust the token. */
const headerNames: ReadonlySet<string> = new Set(["alg", "kid", "typ"]);

/**
 * Verifies JWTs: compact form in canonical base64url, a known key whose algorithm the token cannot choose, and
 * `iss`, `aud`, `sub`, `exp`, `iat`, `nbf` and `typ`. After RFC 8725.
 *
 * @throws SIGNING_KEY_INVALID for given keys that cannot be used
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { issuer, audience, keys, clock = systemClock, type = accessTokenType } = options;
  const algorithms = new Set<string>(options.algorithms ?? ["EdDSA", "ES256", "RS256"]);
  const find = typeof keys === "function" ? fetchedKeySet(keys, clock) : fixedKeySet(keys);

  return {
    async verify(token) {
      const header = checkForm(token);
      const found = await find(header.kid);
      if (found === undefined) throw refusal(`its key ${JSON.stringify(header.kid)} is not one of the issuer's`);
      if (!algorithms.has(found.algorithm)) throw refusal(`the algorithm ${found.algorithm} is not accepted`);
      const named = header.alg === "Ed25519" ? "EdDSA" : header.alg;
      if (named !== found.algorithm) throw refusal(`it names ${header.alg}, but its key is for ${found.algorithm}`);
      const claims = await jwtVerify(token, found.key, {
        algorithms: [header.alg],
        issuer,
        audience,
        typ: type,
        requiredClaims: ["sub", "exp", "iat"],
        clockTolerance: options.clockToleranceSeconds ?? 5,
        currentDate: new Date(clock.now()),
      }).then(
        ({ payload }) => payload,
        (cause: unknown) => {
          throw refusal(cause instanceof errors.JOSEError ? cause.message : "it cannot be verified", cause);
        },
      );
      const principal = options.principal?.(claims) ?? claims.sub;
      const rule = parseEntityId(principal);
      if (principal === undefined || typeof rule === "string")
        throw refusal(`its subject is not a principal: ${String(rule)}`);
      const { roles = [], exp = 0 } = claims;
      if (!isStrings(roles)) throw refusal("its roles are not a list of strings");
      return { principal, roles, claims, expiresAt: exp * 1000 };
    },
  };
}

/** Checks everything that can be checked without a key. */
function checkForm(token: string): { kid: string; alg: string } {
  if (typeof token !== "string" || token.length > maxTokenLength)
    throw refusal(`it is longer than ${maxTokenLength} characters`);
  const parts = token.split(".");
  if (parts.length !== 3) throw refusal("it does not have three parts");
  const [header = "", payload = "", signature = ""] = parts;
  for (const part of [header, payload, signature]) {
    // A decoder that takes padding, spaces or loose bits lets one signature stand in many texts.
    const isCanonical = base64url.test(part) && Buffer.from(part, "base64url").toString("base64url") === part;
    if (!isCanonical) throw refusal("a part is not canonical base64url");
  }
  const fields = parseStrictObject(Buffer.from(header, "base64url").toString());
  if (fields === undefined) throw refusal("its header is not a JSON object, or has a name twice");
  const unknown = Object.keys(fields).find((name) => !headerNames.has(name));
  if (unknown !== undefined) throw refusal(`its header has ${JSON.stringify(unknown)}, which is not accepted`);
  if (parseStrictObject(Buffer.from(payload, "base64url").toString()) === undefined) {
    throw refusal("its claims are not a JSON object, or have a name twice");
  }
  const { alg, kid } = fields;
  if (typeof alg !== "string" || typeof kid !== "string")
    throw refusal("its header does not name an algorithm and a key");
  return { alg, kid };
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function refusal(reason: string, cause?: unknown): Error {
  return securityError("TOKEN_INVALID", { reason }, { cause });
}
