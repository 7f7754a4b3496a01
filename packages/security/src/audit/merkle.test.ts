import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leafHash, merkleTree } from "./merkle.ts";
import { verifyConsistency, verifyInclusion } from "./proof.ts";

const sha256 = (...parts: Uint8Array[]): Uint8Array => createHash("sha256").update(Buffer.concat(parts)).digest();

/** MTH of RFC 6962, section 2.1, word for word. */
function oracle(entries: readonly Uint8Array[]): Uint8Array {
  const [only] = entries;
  if (only === undefined) return sha256();
  if (entries.length === 1) return sha256(Uint8Array.of(0), only);
  let k = 1;
  while (k * 2 < entries.length) k *= 2;
  return sha256(Uint8Array.of(1), oracle(entries.slice(0, k)), oracle(entries.slice(k)));
}

const entries = fc.array(fc.uint8Array({ maxLength: 8 }), { minLength: 1, maxLength: 70 });
function treeOf(all: readonly Uint8Array[]) {
  const tree = merkleTree();
  for (const entry of all) tree.append(leafHash(entry));
  return tree;
}

describe("Merkle tree", () => {
  it("has the roots of RFC 6962, at every size, also after it was cut", () => {
    fc.assert(
      fc.property(entries, fc.nat(), (all, seed) => {
        const tree = treeOf(all);
        for (let size = 0; size <= all.length; size++) expect(tree.root(size)).toEqual(oracle(all.slice(0, size)));
        const cut = seed % (all.length + 1);
        tree.cut(cut);
        for (const entry of all.slice(cut)) tree.append(leafHash(entry));
        expect(tree.root()).toEqual(oracle(all));
      }),
      { numRuns: 50 },
    );
  });

  it("proves that each entry is in it, and nothing else", () => {
    fc.assert(
      fc.property(entries, fc.nat(), fc.nat(), (all, a, b) => {
        const size = 1 + (a % all.length);
        const index = b % size;
        const proof = {
          index,
          size,
          leafHash: leafHash(all[index] ?? new Uint8Array()),
          hashes: treeOf(all).inclusionProof(index, size),
        };
        const root = oracle(all.slice(0, size));
        expect(verifyInclusion(proof, root)).toBe(true);
        expect(verifyInclusion({ ...proof, leafHash: leafHash(Buffer.from("something else")) }, root)).toBe(false);
        expect(verifyInclusion({ ...proof, hashes: [...proof.hashes, root] }, root)).toBe(false);
        const shorter = { ...proof, hashes: proof.hashes.slice(1) };
        expect(verifyInclusion(shorter, root)).toBe(size === 1);
        expect(verifyInclusion({ ...proof, index: size }, root)).toBe(false);
        expect(verifyInclusion(proof, sha256(root))).toBe(false);
      }),
    );
  });

  it("proves that it only grew", () => {
    fc.assert(
      fc.property(entries, fc.nat(), fc.nat(), (all, a, b) => {
        const to = 1 + (a % all.length);
        const from = 1 + (b % to);
        const proof = { from, to, hashes: treeOf(all).consistencyProof(from, to) };
        const roots = { from: oracle(all.slice(0, from)), to: oracle(all.slice(0, to)) };
        expect(verifyConsistency(proof, roots)).toBe(true);
        expect(verifyConsistency(proof, { ...roots, from: sha256(roots.from) })).toBe(false);
        expect(verifyConsistency(proof, { ...roots, to: sha256(roots.to) })).toBe(false);
        expect(verifyConsistency({ ...proof, hashes: [...proof.hashes, roots.to] }, roots)).toBe(false);
        expect(verifyConsistency({ ...proof, hashes: proof.hashes.slice(0, -1) }, roots)).toBe(from === to);
        expect(verifyConsistency({ ...proof, from: to, to: from }, roots)).toBe(from === to);
      }),
    );
  });
});
