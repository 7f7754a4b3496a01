import fc from "fast-check";
import { expect, test } from "vitest";

import { areaBytes, ArrayReuse, newArray, TensorArea } from "./tensor-area.ts";
import { arrayConstructor, type ElementType, elementCount, type NumericTensorData, type Tensor } from "./tensor.ts";

const types = ["float16", "float32", "float64", "int8", "int64", "uint8", "uint16", "bool"] as const;

const tensors = fc.array(
  fc.record({
    type: fc.constantFrom<ElementType>(...types),
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
    /** Elements before the first, of which the tensor is a view. */
    before: fc.nat(3),
    byte: fc.nat(255),
  }),
  { maxLength: 5 },
);

function tensorOf(type: ElementType, shape: readonly number[], before: number, byte: number): Tensor {
  const constructor = arrayConstructor(type);
  if (constructor === null) throw new Error(type);
  const whole = new constructor(before + elementCount(shape));
  new Uint8Array(whole.buffer).forEach((_, index, bytes) => (bytes[index] = (byte + 7 * index) % 256));
  return { data: whole.subarray(before), shape };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: NumericTensorData): number[] => [
  ...new Uint8Array(buffer, byteOffset, byteLength),
];

test("tensors of any types and shapes are read as they were written, again and again", () => {
  const area = new TensorArea(new SharedArrayBuffer(16 + areaBytes(64 * 1024)), 16);
  const reuse = new ArrayReuse();
  fc.assert(
    fc.property(tensors, fc.boolean(), (cases, again) => {
      const written = cases.map(({ type, shape, before, byte }) => tensorOf(type, shape, before, byte));
      expect(area.fits(written)).toBe(true);
      area.write(written);
      const read = area.read(
        cases.map(({ type }) => type),
        again ? reuse.arrayFor : newArray,
      );
      expect(read.map(({ type, shape }) => ({ type, shape }))).toEqual(
        cases.map(({ type, shape }) => ({ type, shape })),
      );
      expect(read.map(({ data }) => bytesOf(data as NumericTensorData))).toEqual(
        written.map(({ data }) => bytesOf(data as NumericTensorData)),
      );
      expect(read.map(({ data }) => data.constructor)).toEqual(cases.map(({ type }) => arrayConstructor(type)));
    }),
  );
});

test("what is too large, too many-sided or a text does not fit", () => {
  const area = new TensorArea(new SharedArrayBuffer(areaBytes(64)), 0);
  const bytes = (length: number): Tensor => ({ data: new Uint8Array(length), shape: [length] });
  expect(area.fits([bytes(64)])).toBe(true);
  expect(area.fits([bytes(65)])).toBe(false);
  expect(area.fits([bytes(1), bytes(56)])).toBe(true);
  expect(area.fits([bytes(1), bytes(57)])).toBe(false);
  expect(area.fits([{ data: ["a"], shape: [1] }])).toBe(false);
  expect(area.fits([{ data: new Uint8Array(1), shape: Array.from({ length: 200 }, () => 1) }])).toBe(false);
});
