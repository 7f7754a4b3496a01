import { hash } from "node:crypto";

/**
 * The Merkle tree of RFC 6962, section 2.1, growing at its right edge: `SHA-256(0x00 | entry)` for a leaf and
 * `SHA-256(0x01 | left | right)` for a node. It keeps the hash of every full subtree, 64 bytes an entry.
 */
export interface MerkleTree {
  readonly size: number;
  append(leafHash: Uint8Array): void;
  /** Forgets the entries from `size` on. */
  cut(size: number): void;
  leaf(index: number): Uint8Array;
  /** The root over the first `size` entries. @default the size of the tree */
  root(size?: number): Uint8Array;
  /** RFC 6962, 2.1.1: shows that entry `index` is one of the first `size`. */
  inclusionProof(index: number, size: number): Uint8Array[];
  /** RFC 6962, 2.1.2: shows that the tree of `from` entries is the beginning of that of `to`; 0 < from <= to. */
  consistencyProof(from: number, to: number): Uint8Array[];
}

export function leafHash(entry: Uint8Array): Uint8Array {
  return sha256(Buffer.concat([leafPrefix, entry]));
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(Buffer.concat([nodePrefix, left, right]));
}

/** The root of the tree without entries. */
export const emptyRoot: Uint8Array = sha256(new Uint8Array());

const leafPrefix = Uint8Array.of(0);
const nodePrefix = Uint8Array.of(1);

function sha256(bytes: Uint8Array): Uint8Array {
  return hash("sha256", bytes, "buffer");
}

export function merkleTree(): MerkleTree {
  /** `levels[h]` holds the hashes of the full subtrees of 2^h leaves, from the left. */
  const levels: Uint8Array[][] = [[]];
  const level = (height: number): Uint8Array[] => (levels[height] ??= []);

  /** The hash over the leaves from `start` to `end`, where `start` is a multiple of the subtree's power of two. */
  const range = (start: number, end: number): Uint8Array => {
    const count = end - start;
    const height = Math.log2(count);
    const full = Number.isInteger(height) ? levels[height]?.[start / count] : undefined;
    if (full !== undefined) return full;
    const middle = start + split(count);
    return nodeHash(range(start, middle), range(middle, end));
  };
  const inclusion = (index: number, start: number, end: number): Uint8Array[] => {
    if (end - start === 1) return [];
    const middle = start + split(end - start);
    return index < middle
      ? [...inclusion(index, start, middle), range(middle, end)]
      : [...inclusion(index, middle, end), range(start, middle)];
  };
  /** SUBPROOF of RFC 6962; `known` while the subtree is one whose hash the verifier has. */
  const consistency = (from: number, start: number, end: number, known: boolean): Uint8Array[] => {
    if (from === end) return known ? [] : [range(start, end)];
    const middle = start + split(end - start);
    return from <= middle
      ? [...consistency(from, start, middle, known), range(middle, end)]
      : [...consistency(from, middle, end, false), range(start, middle)];
  };

  return {
    get size() {
      return level(0).length;
    },
    append(leaf) {
      let node = leaf;
      for (let height = 0; ; height++) {
        const nodes = level(height);
        nodes.push(node);
        const left = nodes.at(-2);
        if (nodes.length % 2 === 1 || left === undefined) return;
        node = nodeHash(left, node);
      }
    },
    cut(size) {
      levels.forEach((nodes, height) => (nodes.length = Math.min(nodes.length, Math.floor(size / 2 ** height))));
    },
    leaf: (index) => range(index, index + 1),
    root: (size = level(0).length) => (size === 0 ? emptyRoot : range(0, size)),
    inclusionProof: (index, size) => inclusion(index, 0, size),
    consistencyProof: (from, to) => consistency(from, 0, to, true),
  };
}

/** The largest power of two below `count`. */
function split(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}
