/**
 * A seeded generator of uniform numbers in [0, 1): xoshiro128++ (Blackman and Vigna), its state filled by a 32-bit
 * mixer. The same words give the same sequence on every machine.
 */
export function seededRandom(...words: readonly number[]): () => number {
  let a = mix32(0x9e3779b9, ...words);
  let b = mix32(0x243f6a88, ...words);
  let c = mix32(0xb7e15162, ...words);
  let d = mix32(0x6a09e667, ...words) | 1;
  return () => {
    const sum = (a + d) | 0;
    const result = (((sum << 7) | (sum >>> 25)) + a) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result / 0x1_0000_0000;
  };
}

/** Mixes words into one of 32 bits (the finaliser of MurmurHash3 after each word). */
export function mix32(...words: readonly number[]): number {
  let hash = 0;
  for (const word of words) hash = finalise(hash ^ finalise(word | 0));
  return hash >>> 0;
}

/** {@link mix32} of two words, without the array: for one draw per row. */
export function mixPair(a: number, b: number): number {
  return finalise(finalise(a) ^ finalise(b)) >>> 0;
}

function finalise(word: number): number {
  let h = (word + 0x6d2b79f5) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** A pair of standard normal numbers would waste one; this draws one at a time (Box and Muller). */
export function standardNormal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Fills `order` with a permutation of 0..length-1 that depends on the generator alone (Fisher and Yates). */
export function shuffleInto(order: Uint32Array, random: () => number): void {
  for (let i = 0; i < order.length; i++) order[i] = i;
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const kept = order[i]!;
    order[i] = order[j]!;
    order[j] = kept;
  }
}
