import { readRleBitPackedHybrid } from "hyparquet/src/encoding.js";
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { encodeBits, encodeOnes, RunEncoder } from "./run-lengths.ts";

// One for all: what it wrote before must not show.
const encoder = new RunEncoder();

function decoded(bytes: Uint8Array, width: number, count: number): number[] {
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
  const output: number[] = Array.from({ length: count }, () => -1);
  readRleBitPackedHybrid(reader, width, output, bytes.byteLength);
  expect(reader.offset).toBe(bytes.byteLength);
  return output;
}

/** Values with runs of any length among them. */
const pieces = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 40 }))), {
  minLength: 1,
  maxLength: 60,
});

it("are read back, whatever repeats for however long", () => {
  const property = fc.property(fc.integer({ min: 1, max: 20 }), pieces, (width, runs) => {
    const values = runs.flatMap(([value, times]) => Array.from({ length: times }, () => value % 2 ** width));
    const bytes = encoder.encode(Int32Array.from([...values, 77, 77]), values.length, width);
    expect(decoded(bytes, width, values.length)).toEqual(values);
  });
  fc.assert(property, { numRuns: 300 });
});

it("hold bitmaps and ones", () => {
  const property = fc.property(fc.array(fc.nat({ max: 1 }), { minLength: 1, maxLength: 300 }), (bits) => {
    const bitmap = new Uint8Array(Math.ceil(bits.length / 8));
    for (const [index, bit] of bits.entries()) bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (bit << (index & 7));
    expect(decoded(encodeBits(bitmap, bits.length), 1, bits.length)).toEqual(bits);
    expect(decoded(encodeOnes(bits.length), 1, bits.length)).toEqual(bits.map(() => 1));
  });
  fc.assert(property, { numRuns: 100 });
});
