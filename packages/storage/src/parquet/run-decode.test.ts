import * as fc from "fast-check";
import { readRleBitPackedHybrid } from "hyparquet/src/encoding.js";
import { expect, it } from "vitest";
import { RunDecoder } from "./run-decode.ts";
import { RunEncoder } from "./run-lengths.ts";

// One for all: what it decoded before must not show.
const decoder = new RunDecoder();
const encoder = new RunEncoder();

const runs = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 30 })), { minLength: 1, maxLength: 40 });

it("gives back what was encoded, and what another reader reads", () => {
  const property = fc.property(fc.integer({ min: 1, max: 24 }), runs, (width, given) => {
    const values = given.flatMap(([value, times]) => Array.from({ length: times }, () => value % 2 ** width));
    const bytes = encoder.encode(Int32Array.from(values), values.length, width);
    expect([...decoder.decode(bytes, width, values.length)]).toEqual(values);
    const output: number[] = Array.from({ length: values.length }, () => -1);
    const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
    readRleBitPackedHybrid(reader, width, output, bytes.byteLength);
    expect(output).toEqual(values);
  });
  fc.assert(property, { numRuns: 200 });
});

it("takes values of up to 32 bits, and of none", () => {
  const packed = Uint8Array.of(3, ...new Uint8Array(Int32Array.of(-1, 5, 1 << 31, 0, 7, 8, 9, 10).buffer));
  expect([...decoder.decode(packed, 32, 8)]).toEqual([-1, 5, 1 << 31, 0, 7, 8, 9, 10]);
  expect([...decoder.decode(Uint8Array.of(8), 0, 4)]).toEqual([0, 0, 0, 0]);
});

it("names bytes that hold no such numbers, and believes no length of theirs", () => {
  expect(() => decoder.decode(Uint8Array.of(2), 33, 1)).toThrow(RangeError);
  const property = fc.property(fc.uint8Array({ maxLength: 12 }), fc.integer({ min: 0, max: 40 }), (bytes, width) => {
    let found: unknown;
    try {
      found = decoder.decode(bytes, width, 1000).length;
    } catch (error) {
      found = error instanceof RangeError ? 1000 : error;
    }
    expect(found).toBe(1000);
  });
  fc.assert(property, { numRuns: 500 });
});
