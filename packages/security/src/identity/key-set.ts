import type { Clock } from "@ashlar/core";
import { type JsonWebKeySet, type PinnedKey, pinKey } from "./keys.ts";

/** Fetches the issuer's current keys. */
export type KeySetSource = () => Promise<JsonWebKeySet>;

/** How long fetched keys are used, and how soon an unknown key id may ask for them again. */
const maxAgeMs = 5 * 60_000;
const coolDownMs = 30_000;

/** The key of an id; undefined when the issuer has none. */
export type FindKey = (kid: string) => Promise<PinnedKey | undefined>;

/** Keys that were given. @throws SIGNING_KEY_INVALID for any that cannot be used, or two with one id */
export function fixedKeySet({ keys }: JsonWebKeySet): FindKey {
  const byId = new Map(keys.map((jwk) => [jwk.kid ?? "", pinKey(jwk, { type: "public", kid: jwk.kid ?? "" })]));
  return async (kid) => byId.get(kid);
}

/**
 * Keys that are fetched on first use, again when they are five minutes old, and when a token names an id they lack, at
 * most every 30 seconds: made-up ids must not become a flood at the issuer. Callers who wait together share one fetch.
 */
export function fetchedKeySet(source: KeySetSource, clock: Clock): FindKey {
  let fetchedAt = -Infinity;
  let current: Promise<FindKey> | undefined;
  const fetched = (olderThan: number): Promise<FindKey> => {
    if (current !== undefined && clock.monotonic() - fetchedAt < olderThan) return current;
    fetchedAt = clock.monotonic();
    const fetching = source().then(fixedKeySet);
    current = fetching;
    fetching.catch(() => {
      if (current === fetching) current = undefined;
    });
    return fetching;
  };
  return async (kid) => (await (await fetched(maxAgeMs))(kid)) ?? (await fetched(coolDownMs))(kid);
}
