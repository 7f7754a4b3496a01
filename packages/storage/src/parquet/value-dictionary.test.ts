import * as fc from "fast-check";
import { expect, it } from "vitest";
import { BytesDictionary, WordDictionary } from "./value-dictionary.ts";

const word = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer());

it("numbers words as they come, as a map does", () => {
  const property = fc.property(fc.array(fc.tuple(word, word), { maxLength: 400 }), (pairs) => {
    const dictionary = new WordDictionary();
    const known = new Map<string, number>();
    for (const [low, high] of pairs) {
      const key = `${low} ${high}`;
      if (!known.has(key)) known.set(key, known.size);
      const code = dictionary.codeOf(low, high);
      expect(code).toBe(known.get(key));
      expect([dictionary.low(code), dictionary.high(code)]).toEqual([low, high]);
    }
    expect(dictionary.size).toBe(known.size);
  });
  fc.assert(property, { numRuns: 100 });
});

it("numbers bytes as they come, as a map does", () => {
  const value = fc.uint8Array({ maxLength: 4, max: 3 });
  const property = fc.property(
    fc.array(fc.oneof(value, fc.uint8Array({ maxLength: 300 })), { maxLength: 300 }),
    (all) => {
      const dictionary = new BytesDictionary();
      const known = new Map<string, number>();
      for (const bytes of all) {
        const key = bytes.join();
        if (!known.has(key)) known.set(key, known.size);
        const padded = Uint8Array.of(9, ...bytes, 9);
        const code = dictionary.codeOf(padded, 1, 1 + bytes.byteLength);
        expect(code).toBe(known.get(key));
        const { bytes: entries, offsets } = dictionary.entries;
        expect(entries.slice(offsets[code], offsets[code + 1])).toEqual(bytes);
      }
      expect([dictionary.size, dictionary.byteLength]).toEqual([
        known.size,
        [...known.keys()].reduce((sum, key) => sum + (key === "" ? 0 : key.split(",").length), 0),
      ]);
    },
  );
  fc.assert(property, { numRuns: 60 });
});

it("tells of values that were chosen to fall into one slot", () => {
  // 0x9e3779b1 is what the high word is multiplied by before it meets the low one.
  const dictionary = new WordDictionary();
  for (let high = 0; high < 500; high++) dictionary.codeOf(Math.imul(high, 0x9e3779b1), high);
  expect(dictionary.size).toBe(500);
  expect(dictionary.detours).toBeGreaterThan(100_000);
});
