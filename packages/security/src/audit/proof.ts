import { emptyRoot, nodeHash } from "./merkle.ts";

/** Shows that an entry stands in a log of `size` entries. */
export interface InclusionProof {
  /** From 0. */
  readonly index: number;
  readonly size: number;
  /** SHA-256 of a zero byte and the entry's bytes. */
  readonly leafHash: Uint8Array;
  readonly hashes: readonly Uint8Array[];
}

/** Shows that the log of `from` entries is the beginning of the log of `to`. */
export interface ConsistencyProof {
  readonly from: number;
  readonly to: number;
  readonly hashes: readonly Uint8Array[];
}

/** True when the proof leads from its leaf to `root`. RFC 9162, section 2.1.3.2. */
export function verifyInclusion({ index, size, leafHash, hashes }: InclusionProof, root: Uint8Array): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  let node = index;
  let last = size - 1;
  let result = leafHash;
  for (const hash of hashes) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      result = nodeHash(hash, result);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      result = nodeHash(result, hash);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && same(result, root);
}

/** True when the proof joins the two roots. RFC 9162, section 2.1.4.2. The empty log begins every log. */
export function verifyConsistency(
  { from, to, hashes }: ConsistencyProof,
  roots: { readonly from: Uint8Array; readonly to: Uint8Array },
): boolean {
  if (!isCount(from) || !isCount(to) || from > to) return false;
  if (from === 0) return hashes.length === 0 && same(roots.from, emptyRoot);
  if (from === to) return hashes.length === 0 && same(roots.from, roots.to);
  const isFullTree = Number.isInteger(Math.log2(from));
  const [first, ...path] = isFullTree ? [roots.from, ...hashes] : hashes;
  if (first === undefined) return false;

  let [node, last] = [from - 1, to - 1];
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  let [older, newer] = [first, first];
  for (const hash of path) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      older = nodeHash(hash, older);
      newer = nodeHash(hash, newer);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      newer = nodeHash(newer, hash);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && same(older, roots.from) && same(newer, roots.to);
}

// Division, and not a shift: a shift would cut a size to 32 bits.
function half(value: number): number {
  return Math.floor(value / 2);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Roots are public, so the comparison need not take constant time. */
function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
