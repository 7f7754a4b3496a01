import fc from "fast-check";
import { expect, it } from "vitest";
import type { KeyPart } from "../offline/key-dictionary.ts";
import { entityKey } from "./entity-key.ts";
import { latestPerKey, type OnlineEntry, stampRange } from "./port.ts";

const tags = { string: 1, number: 2, bigint: 2, boolean: 3 } as const;

/** Each part as its type, its length in four bytes, and its text. */
function spelled(parts: readonly KeyPart[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      const text = Buffer.from(String(part));
      const head = Buffer.alloc(5);
      head[0] = tags[typeof part as keyof typeof tags];
      head.writeUInt32LE(text.length, 1);
      return [head, text];
    }),
  );
}

const part = fc.oneof(
  fc.string({ maxLength: 100 }),
  fc.string({ unit: "grapheme", maxLength: 30 }),
  fc.maxSafeInteger(),
  fc.bigInt(),
  fc.boolean(),
);

it("spells a key out by its parts, whatever they are", () => {
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 3 }), (parts) => {
      expect(Buffer.from(entityKey(parts)).equals(spelled(parts))).toBe(true);
    }),
  );
});

it("keeps of entries of one key the one with the greatest stamp, the later of equal ones, and others as they are", () => {
  const entry = (id: string, stamp: number): OnlineEntry => {
    const vector = Buffer.alloc(stampRange.end);
    vector.writeUInt32BE(stamp, stampRange.start);
    return { key: Buffer.from(id), vector };
  };
  const one = [entry("a", 1), entry("b", 2), entry("c", 1)];
  expect(latestPerKey(one)).toBe(one);
  const entries = [entry("a", 2), entry("b", 1), entry("a", 1), entry("b", 1)];
  expect(latestPerKey(entries)).toEqual([entries[0], entries[3]]);
  const many = Array.from({ length: 3000 }, (_, i) => entry(`key ${i % 2999}`, 1));
  expect(latestPerKey(many)).toHaveLength(2999);
});
