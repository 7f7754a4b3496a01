export { createTokenIssuer, type TokenIssuer, type TokenIssuerOptions, type TokenRequest } from "./issuer.ts";
export type { KeySetSource } from "./key-set.ts";
export type { JsonWebKeyObject, JsonWebKeySet, TokenAlgorithm } from "./keys.ts";
export { createTokenVerifier, type TokenVerifier, type TokenVerifierOptions, type VerifiedToken } from "./verifier.ts";
