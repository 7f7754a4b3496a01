import type { OnlineEntry } from "@ashlar/feature-store";

/** Entries of as many entities, with vectors of 64 bytes under one stamp. */
export function onlineEntries(count: number, stamp: number): OnlineEntry[] {
  return Array.from({ length: count }, (_, i) => {
    const vector = Buffer.alloc(64, i & 255);
    vector.fill(0, 8, 32);
    vector.writeUInt32BE(stamp, 12);
    return { key: Buffer.from(`entity-${i}`), vector };
  });
}
