import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HyperLogLog, precisionOf } from "./hyperloglog.ts";
import { bucketBits, bucketOf, valueOfBucket } from "./log-buckets.ts";
import { QuantileSketch } from "./quantile-sketch.ts";

const corrupt = expect.objectContaining({ code: "VECTOR_CORRUPT" });
const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

/** Sketches of parts of the values, merged in an order that is drawn, and one of all values at once. */
function merged<Sketch extends { merge(bytes: Uint8Array): void; toBytes(): Uint8Array }>(
  parts: readonly (readonly number[])[],
  make: () => Sketch,
  add: (sketch: Sketch, value: number) => void,
): readonly [Sketch, Sketch] {
  const [whole, sum] = [make(), make()];
  const own = parts.map((values) => {
    const sketch = make();
    for (const value of values) for (const into of [sketch, whole]) add(into, value);
    return sketch.toBytes();
  });
  for (const bytes of own.toReversed()) sum.merge(bytes);
  return [whole, sum];
}

describe("a HyperLogLog", () => {
  it.each([
    [10, 12],
    [1_000, 12],
    [11_000, 12],
    [300_000, 12],
    [20_000, 6],
  ])("counts %i values with precision %i to within three standard errors", (many, precision) => {
    const sketch = new HyperLogLog(precision);
    for (let i = 0; i < many; i++) sketch.addText(`value ${i}`);
    for (let i = 0; i < many; i += 3) sketch.addText(`value ${i}`);
    expect(Math.abs(sketch.estimate - many) / many).toBeLessThan((3 * 1.04) / 2 ** (precision / 2));
  });

  it("merges in any order to the bits of one of all values", () => {
    const parts = fc.array(fc.array(fc.double({ noNaN: false }), { maxLength: 30 }), { maxLength: 8 });
    const property = fc.property(parts, fc.integer({ min: 4, max: 16 }), (given, precision) => {
      const [whole, sum] = merged(
        given,
        () => new HyperLogLog(precision),
        (sketch, value) => sketch.addNumber(value),
      );
      expect(sum.toBytes()).toEqual(whole.toBytes());
      expect(sum.estimate).toBe(whole.estimate);
    });
    fc.assert(property, { numRuns: 200 });
  });

  it("has the bytes it had, sparse and dense", () => {
    const few = new HyperLogLog(12);
    few.addText("ü");
    few.addNumber(-0);
    few.addInteger(0n);
    few.addInteger(2n ** 62n + 1n);
    few.addNumber(NaN);
    expect(few.estimate).toBe(4);
    expect(digest(few.toBytes())).toBe("3583340e4fe4fa6d");
    const many = new HyperLogLog(12);
    for (let i = 0; i < 20_000; i++) many.addNumber(i);
    expect([many.toBytes().length, many.estimate, digest(many.toBytes())]).toEqual([3075, 19_695, "4776949edf5e7eb4"]);
  });

  it("refuses bytes that are none of its kind", () => {
    const bytes = new HyperLogLog(5).toBytes();
    const into = new HyperLogLog(4);
    for (const each of [
      [],
      [2, 4, 0],
      bytes,
      [1, 4, 2],
      [1, 4, 0, 1],
      [1, 4, 1, 0],
      [1, 4, 0, 33, 0, 0],
      [1, 4, 0, 1, 4, 0],
    ])
      expect(() => into.merge(Uint8Array.from(each))).toThrow(corrupt);
  });

  it("is as precise as it is asked to be", () => {
    expect([0.26, 0.2, 0.02, 0.01, 0.0081, 0.001].map(precisionOf)).toEqual([4, 5, 12, 14, 15, 16]);
  });
});

describe("a sketch of quantiles", () => {
  const number = fc.oneof(
    fc.double({ noNaN: false }),
    fc.integer({ min: -5, max: 5 }),
    fc.constantFrom(-0, 1e308, 5e-324),
  );

  it("is off no quantile by more than the relative error", () => {
    const least = 2 ** -1022;
    const property = fc.property(
      fc.array(number, { minLength: 1, maxLength: 60 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.constantFrom(0.2, 0.01, 0.001),
      (values, q, error) => {
        const sketch = new QuantileSketch(bucketBits(error));
        for (const value of values) sketch.add(value);
        // Typed arrays sort NaN last.
        const exact = Float64Array.from(values).sort()[Math.floor(q * (values.length - 1))] as number;
        const found = sketch.quantile(q);
        const within =
          Object.is(exact, found) ||
          exact === found ||
          Math.abs(found - exact) <= Math.max(error * Math.abs(exact), least);
        expect([exact, found, within]).toEqual([exact, found, true]);
      },
    );
    fc.assert(property, { numRuns: 2_000 });
  });

  it("merges in any order to the bits of one of all values", () => {
    const property = fc.property(fc.array(fc.array(number, { maxLength: 20 }), { maxLength: 8 }), (parts) => {
      const [whole, sum] = merged(
        parts,
        () => new QuantileSketch(6),
        (sketch, value) => sketch.add(value),
      );
      expect(sum.toBytes()).toEqual(whole.toBytes());
      expect(sum.quantile(0.5)).toBe(whole.quantile(0.5));
    });
    fc.assert(property, { numRuns: 300 });
  });

  it("has buckets in the order of their numbers, each with its own", () => {
    const property = fc.property(
      fc.double({ noNaN: true }),
      fc.double({ noNaN: true }),
      fc.integer({ min: 1, max: 12 }),
      (a, b, bits) => {
        expect(a <= b ? bucketOf(a, bits) <= bucketOf(b, bits) : bucketOf(a, bits) >= bucketOf(b, bits)).toBe(true);
        expect(bucketOf(valueOfBucket(bucketOf(a, bits), bits), bits)).toBe(bucketOf(a, bits));
      },
    );
    fc.assert(property, { numRuns: 3_000 });
  });

  it("has the bytes it had", () => {
    const sketch = new QuantileSketch(bucketBits(0.01));
    for (const value of [-3, 0, 0.1, 1, 1, 2e300, Infinity, NaN]) sketch.add(value);
    expect(Buffer.from(sketch.toBytes()).toString("hex")).toBe("0106bf800801c0800801ccfb0701b40302bee50701c21a010201");
  });

  it("refuses bytes that are none of its kind", () => {
    const into = new QuantileSketch(6);
    for (const each of [
      [],
      [1, 5],
      [2, 6],
      [1, 6, 200],
      [1, 6, 2],
      [1, 6, ...Array<number>(9).fill(255)],
      [1, 6, 254, 255, 127, 1],
    ])
      expect(() => into.merge(Uint8Array.from(each))).toThrow(corrupt);
  });
});
