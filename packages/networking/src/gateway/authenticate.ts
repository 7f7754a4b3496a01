import { isAshlarError, type Logger } from "@ashlar/core";
import { networkingError } from "../errors.ts";

/** Who sent a request, as a verifier found it. */
export interface Identity {
  /** An entity id, such as `User::ada`. */
  readonly principal: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Checks bearer tokens. It rejects a token it does not accept, whatever the reason. */
export interface TokenVerifier {
  verify(token: string): Promise<Identity>;
}

/**
 * The caller behind an `Authorization: Bearer` field (RFC 6750 section 2.1).
 *
 * @throws UNAUTHENTICATED without a valid token; VERIFIER_FAILED when the verifier itself is in trouble, which it says
 * with a retryable Ashlar error
 */
export async function authenticate(
  verifier: TokenVerifier,
  authorization: string | undefined,
  route: string,
  logger: Logger,
): Promise<Identity> {
  const token = authorization && /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i.exec(authorization)?.[1];
  if (!token) {
    const reason = authorization ? "the Authorization field is not a bearer token" : "there is no Authorization field";
    throw networkingError("UNAUTHENTICATED", { reason });
  }
  try {
    const identity = await verifier.verify(token);
    if (identity.principal) return identity;
  } catch (error) {
    if (isAshlarError(error) && error.retryable) {
      logger.error({ route, error }, "the token verifier failed");
      throw networkingError("VERIFIER_FAILED", { route }, { cause: error });
    }
    // The verifier's reason stays with us: it would tell a forger what to change.
    throw networkingError("UNAUTHENTICATED", { reason: "the token was not accepted" }, { cause: error });
  }
  throw networkingError("UNAUTHENTICATED", { reason: "the token names no principal" });
}
