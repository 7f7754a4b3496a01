import fc from "fast-check";
import { expect, it } from "vitest";
import { StringCodes } from "./string-codes.ts";

function encoded(codes: StringCodes, texts: readonly Uint8Array[]): Int32Array {
  const offsets = new Int32Array(texts.length + 1);
  texts.forEach((text, i) => (offsets[i + 1] = (offsets[i] as number) + text.length));
  const out = new Int32Array(texts.length);
  codes.encode(Buffer.concat(texts), offsets, texts.length, out, 0, undefined);
  return out;
}

it("gives each string one code, by which it is found again", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("", "a", "aa"))), (texts) => {
      const codes = new StringCodes();
      const out = encoded(
        codes,
        texts.map((text) => Buffer.from(text)),
      );
      expect(Array.from(out, (code) => codes.dictionary[code])).toEqual(texts);
      expect(codes.dictionary).toEqual([...new Set(texts)]);
    }),
  );
});

it("holds more strings than it began with room for", () => {
  const codes = new StringCodes();
  const texts = Array.from({ length: 5000 }, (_, i) => `a rather long string with the number ${i % 2500}`);
  const out = encoded(
    codes,
    texts.map((text) => Buffer.from(text)),
  );
  expect(Array.from(out)).toEqual(texts.map((_, i) => i % 2500));
});

it("has one code for bytes that are read as one string, though they are no UTF-8", () => {
  const codes = new StringCodes();
  const out = encoded(codes, [Buffer.of(0xff), Buffer.from("\uFFFD"), Buffer.of(0xfe), Buffer.from("b")]);
  expect(Array.from(out)).toEqual([0, 0, 0, 1]);
  expect(codes.code("b")).toBe(1);
});
