/**
 * The keys of a namespace lie in 64 places, whatever the size of the store: many enough to spread over the slots of a
 * Redis cluster and the partitions of DynamoDB, few enough that one command reads and writes many keys.
 */
export const buckets = 64;

/** FNV-1a of the key, folded. */
export function bucketOf(key: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of key) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash ^ (hash >>> 16)) & (buckets - 1);
}
