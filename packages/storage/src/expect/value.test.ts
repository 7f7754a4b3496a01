import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inspectRows } from "../../test/inspect-rows.ts";
import { batchFrom } from "../parquet/batch-from.ts";
import type { ColumnType, Scalar } from "../parquet/column-type.ts";
import { between, type Expectation, hasLength, isJson, matches, notNull, oneOf } from "./index.ts";

/** The numbers of the rows whose value does not hold by the expectation. */
async function broken(
  expectation: Expectation,
  type: ColumnType,
  values: readonly (Scalar | null)[],
): Promise<number[]> {
  const batch = batchFrom({ v: [type, values], row: ["integer", values.map((_, row) => row)] });
  return [...(await inspectRows([expectation], [batch])).setAside.keys()];
}

/** What breaks an oracle, which is never asked about a null. */
const naive = <Value>(values: readonly (Value | null)[], holds: (value: Value) => boolean): number[] =>
  values.flatMap((value, row) => (value === null || holds(value) ? [] : [row]));

const nullable = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<(Value | null)[]> =>
  fc.array(fc.option(value, { nil: null }), { maxLength: 40 });

describe("what every value is expected to be agrees with a naive reading of it:", () => {
  it("notNull", async () => {
    const property = fc.asyncProperty(nullable(fc.double()), async (values) => {
      const nulls = values.flatMap((value, row) => (value === null ? [row] : []));
      expect(await broken(notNull("v"), "double", values)).toEqual(nulls);
    });
    await fc.assert(property, { numRuns: 50 });
  });

  it("between, with NaN in no range", async () => {
    const property = fc.asyncProperty(
      nullable(fc.double()),
      fc.double({ noNaN: true }),
      fc.double({ noNaN: true }),
      async (values, a, b) => {
        const [min, max] = [Math.min(a, b), Math.max(a, b)];
        const expected = naive(values, (value) => value >= min && value <= max);
        expect(await broken(between("v", min, max), "double", values)).toEqual(expected);
      },
    );
    await fc.assert(property, { numRuns: 100 });
  });

  it("between, of integers beyond 2^53", async () => {
    const big = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    const property = fc.asyncProperty(nullable(big), big, big, async (values, min, max) => {
      const expected = naive(values, (value) => value >= min && value <= max);
      expect(await broken(between("v", min, max), "long", values)).toEqual(expected);
    });
    await fc.assert(property, { numRuns: 50 });
  });

  it("oneOf", async () => {
    const word = fc.constantFrom("a", "b", "c", "", "ä");
    const property = fc.asyncProperty(nullable(word), fc.array(word), async (values, allowed) => {
      const expected = naive(values, (value) => allowed.includes(value));
      expect(await broken(oneOf("v", allowed), "string", values)).toEqual(expected);
    });
    await fc.assert(property, { numRuns: 50 });
  });

  it("matches, also by a pattern that remembers where it was", async () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "1", "\n") });
    const property = fc.asyncProperty(
      nullable(text),
      fc.constantFrom(/^a+$/g, /b/y, /1/, /^$/m),
      async (values, pattern) => {
        const stateless = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
        const expected = naive(values, (value) => stateless.test(value));
        expect(await broken(matches("v", pattern), "string", values)).toEqual(expected);
      },
    );
    await fc.assert(property, { numRuns: 50 });
  });

  it("isJson", async () => {
    const text = fc.oneof(fc.json(), fc.string(), fc.constantFrom("", "null", "01", "[1,]", '{"a":1', "NaN", " 1 "));
    const valid = (value: string): boolean => {
      try {
        return JSON.parse(value) !== undefined;
      } catch {
        return false;
      }
    };
    const property = fc.asyncProperty(nullable(text), async (values) => {
      expect(await broken(isJson("v"), "string", values)).toEqual(naive(values, valid));
    });
    await fc.assert(property, { numRuns: 50 });
  });

  it("hasLength, in characters and in bytes", async () => {
    const text = fc.string({ unit: fc.constantFrom("a", "ä", "\u{1f600}") });
    const range = fc.record({ min: fc.nat(4), max: fc.integer({ min: 4, max: 9 }) });
    const property = fc.asyncProperty(
      nullable(text),
      nullable(fc.uint8Array({ maxLength: 12 })),
      range,
      async (texts, bytes, { min, max }) => {
        const within = (length: number): boolean => length >= min && length <= max;
        const ofTexts = naive(texts, (value) => within(Array.from(value).length));
        expect(await broken(hasLength("v", { min, max }), "string", texts)).toEqual(ofTexts);
        const ofBytes = naive(bytes, (value) => within(value.length));
        expect(await broken(hasLength("v", { min, max }), "binary", bytes)).toEqual(ofBytes);
      },
    );
    await fc.assert(property, { numRuns: 50 });
  });
});

describe("an expectation that cannot be held is refused by its name:", () => {
  it.each([
    [matches("v", /x/), 'matches("v", /x/)'],
    [isJson("v"), 'isJson("v")'],
    [hasLength("v", { max: 3 }), 'hasLength("v", { max: 3 })'],
  ])("a column of another type (%#)", async (expectation, name) => {
    const refusal = { code: "EXPECTATION_INVALID", details: { expectation: name } };
    await expect(broken(expectation, "long", [1n])).rejects.toMatchObject(refusal);
  });

  it("a range without an end, or upside down; a column that is not there; a value of another type", async () => {
    const refusal = expect.objectContaining({ code: "EXPECTATION_INVALID" });
    expect(() => hasLength("v", {})).toThrow(refusal);
    expect(() => hasLength("v", { min: 3, max: 2 })).toThrow(refusal);
    expect(() => hasLength("v", { min: NaN })).toThrow(refusal);
    await expect(broken(notNull("w"), "long", [1n])).rejects.toMatchObject({ code: "COLUMN_UNKNOWN" });
    await expect(broken(between("v", "a", "b"), "long", [1n])).rejects.toMatchObject({ code: "PREDICATE_INVALID" });
  });
});
