import { isAshlarError } from "@ashlar/core";
import type { Gate } from "./gate.ts";

/**
 * Passes when the candidate has a signature that one of the registry's trusted keys verifies. Without trusted keys
 * nothing passes.
 */
export function signed(): Gate {
  const gate = "signed";
  return async ({ candidate, verifySignature }) => {
    try {
      const { keyHint } = await verifySignature(candidate);
      return { gate, passed: true, value: keyHint, bound: null, reason: `signed by the trusted key ${keyHint}` };
    } catch (error) {
      if (!isAshlarError(error)) throw error;
      return { gate, passed: false, value: null, bound: null, reason: error.message };
    }
  };
}
