import type { KeyObject } from "node:crypto";
import { invalid } from "../name.ts";
import { type VerificationKey, verificationKey } from "./key.ts";
import type { Signing } from "./sign.ts";

/**
 * The keys a registry believes.
 *
 * @throws SIGNING_KEY_INVALID; REQUEST_INVALID when nothing it has, or nothing it signs, could be loaded
 */
export function trustOf(
  keys: readonly (KeyObject | string)[] | undefined,
  signing: Signing | undefined,
): readonly VerificationKey[] | undefined {
  if (keys === undefined) return undefined;
  const trusted = keys.map((key) => verificationKey(key));
  if (trusted.length === 0) throw invalid("list of trustedKeys", "[]", "with no key in it no version can be loaded");
  if (signing !== undefined && !trusted.some(({ hint }) => hint === signing.key.hint)) {
    throw invalid("signing key", signing.key.hint, "it must be one of trustedKeys, or what it signs cannot be loaded");
  }
  return trusted;
}
