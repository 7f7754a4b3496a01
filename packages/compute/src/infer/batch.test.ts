import fc from "fast-check";
import { expect, test } from "vitest";

import { BufferPool } from "./buffer-pool.ts";
import { joinRequests, splitOutputs } from "./batch.ts";
import type { PreparedInputs } from "./request.ts";
import type { ElementType, NumericTensorData, Tensor } from "./tensor.ts";

/** The elements as nested lists, to compare without the arithmetic under test. */
function nested(data: ArrayLike<unknown>, shape: readonly number[]): unknown {
  if (shape.length === 0) return data[0];
  const [length = 0, ...inner] = shape;
  const size = inner.reduce((product, next) => product * next, 1);
  return Array.from({ length }, (_, index) => nested(Array.from(data).slice(index * size, (index + 1) * size), inner));
}

/** Joins nested lists along an axis. */
function concat(parts: readonly unknown[], axis: number): unknown {
  const lists = parts as readonly (readonly unknown[])[];
  if (axis === 0) return lists.flat();
  return (lists[0] ?? []).map((_, index) =>
    concat(
      lists.map((list) => list[index]),
      axis - 1,
    ),
  );
}

const cases = fc.record({
  rows: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }),
  shape: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }),
  axis: fc.nat(2),
  type: fc.constantFrom<ElementType>("float32", "int64", "string"),
});

const buffers = new BufferPool();

test("requests joined along any axis are told apart again", () => {
  fc.assert(
    fc.property(cases, ({ rows, shape, axis: wanted, type }) => {
      const axis = wanted % shape.length;
      let next = 0;
      const requests = rows.map((count): PreparedInputs => {
        const own = shape.with(axis, count);
        const size = own.reduce((product, length) => product * length, 1);
        const numbers = Array.from({ length: size }, () => next++);
        const data =
          type === "string"
            ? numbers.map(String)
            : type === "int64"
              ? BigInt64Array.from(numbers, BigInt)
              : Float32Array.from(numbers);
        return { tensors: [{ data, shape: own }], rows: count, shapeKey: "", owned: false };
      });
      const spec = { name: "t", type, shape: shape.map(() => null) };
      const signature = { inputs: [spec], outputs: [spec], batchable: true };
      const layout = { inputs: [axis], outputs: [axis], fixed: [false] };
      const [joined] = joinRequests(signature, layout, requests, { copies: () => false, buffers }) as [Tensor];
      const lists = requests.map(({ tensors: [tensor] }) => nested(tensor?.data ?? [], tensor?.shape ?? []));
      expect(nested(joined.data, joined.shape)).toEqual(concat(lists, axis));
      const split = splitOutputs(signature, layout, [{ ...joined, type }], requests);
      expect(split.map(({ t }) => nested(t?.data ?? [], t?.shape ?? []))).toEqual(lists);
    }),
  );
});

test("buffers are given away only when they are the request's own and whole", () => {
  const spec = { name: "t", type: "float32", shape: [null] } as const;
  const signature = { inputs: [spec], outputs: [spec], batchable: true };
  const layout = { inputs: [0], outputs: [0], fixed: [true] };
  const given = Float32Array.of(1, 2);
  const bufferOf = (owned: boolean, data: Float32Array, transferred: boolean, repeatable = false) => {
    const request = { tensors: [{ data, shape: [data.length] }], rows: data.length, shapeKey: "", owned };
    const [tensor] = joinRequests(signature, layout, [request], {
      copies: () => !transferred,
      repeatable,
      buffers,
    }) as [Tensor];
    return (tensor.data as NumericTensorData).buffer;
  };
  expect(bufferOf(true, given, true)).toBe(given.buffer);
  expect(bufferOf(true, given, true, true)).not.toBe(given.buffer);
  expect(bufferOf(true, given.subarray(1), true)).not.toBe(given.buffer);
  expect(bufferOf(false, given, true)).not.toBe(given.buffer);
  expect(bufferOf(false, given, false)).toBe(given.buffer);
});
