import type { Digest } from "./digest.ts";

/** Packs without a common index from which on they get one. */
export const worthMerging = 16;
/** Packs in one index, at most: some two million blobs, 25 MB. */
export const maxPacks = 2048;

/** An index that there is. */
interface Covering {
  readonly digest: Digest;
  readonly packs: readonly Digest[];
}

export interface MergePlan<Index extends Covering> {
  /** Whose packs are covered by the others: to be deleted. */
  readonly surplus: readonly Index[];
  /** To be merged with each other and the packs that have no index; empty when these are to stay as they are. */
  readonly absorbed: readonly Index[];
  readonly isWorthIt: boolean;
}

/** Indexes that together cover as much as all do, the largest first, and the rest. Everybody who sees the same comes to the same. */
export function covering<Index extends Covering>(
  indexes: Iterable<Index>,
  there: ReadonlySet<Digest>,
): { readonly chosen: readonly Index[]; readonly surplus: readonly Index[]; readonly covered: ReadonlySet<Digest> } {
  const living = new Map([...indexes].map((index) => [index, index.packs.filter((pack) => there.has(pack))]));
  const sizeOf = (index: Index): number => living.get(index)?.length ?? 0;
  const sorted = [...living.keys()].sort((a, b) => sizeOf(b) - sizeOf(a) || (a.digest < b.digest ? -1 : 1));
  const covered = new Set<Digest>();
  const chosen: Index[] = [];
  const surplus: Index[] = [];
  for (const index of sorted) {
    const isNeeded = living.get(index)?.some((pack) => !covered.has(pack)) === true;
    (isNeeded ? chosen : surplus).push(index);
    if (isNeeded) for (const pack of living.get(index) ?? []) covered.add(pack);
  }
  return { chosen, surplus, covered };
}

/**
 * What to merge: packs without an index once they are many, with every index that is not at least twice as large as what
 * is merged so far, so that a pack is written anew at most once for each doubling; and indexes most of whose packs are gone.
 */
export function planMerge<Index extends Covering>(
  indexes: Iterable<Index>,
  there: ReadonlySet<Digest>,
): MergePlan<Index> {
  const { chosen, surplus, covered } = covering(indexes, there);
  const sizeOf = (index: Index): number => index.packs.filter((pack) => there.has(pack)).length;
  const absorbed = chosen.filter((index) => 2 * sizeOf(index) < index.packs.length);
  let merged = there.size - covered.size + absorbed.reduce((sum, index) => sum + sizeOf(index), 0);
  if (merged < worthMerging) return { surplus, absorbed, isWorthIt: false };
  for (const index of chosen.toReversed()) {
    if (absorbed.includes(index)) continue;
    if (sizeOf(index) >= 2 * merged || sizeOf(index) + merged > maxPacks) break;
    absorbed.push(index);
    merged += sizeOf(index);
  }
  return { surplus, absorbed, isWorthIt: true };
}

/** Maps of at most so many entries that together have all of one. */
export function* chunked<Key, Value>(map: ReadonlyMap<Key, Value>, size: number): Generator<ReadonlyMap<Key, Value>> {
  const entries = [...map];
  for (let from = 0; from < entries.length; from += size) yield new Map(entries.slice(from, from + size));
}
