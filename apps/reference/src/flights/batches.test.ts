import { Int32, makeData, RecordBatch, tableFromArrays, TimestampMicrosecond, vectorFromArray } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evenSample } from "./batches.ts";
import { landedAt } from "./landing.ts";
import { type Part, partOf, splitByPart } from "./parts.ts";

function numbered(from: number, to: number): RecordBatch {
  const values = Int32Array.from({ length: to - from }, (_, i) => from + i);
  return tableFromArrays({ row: values }).batches[0] ?? new RecordBatch({ row: makeData({ type: new Int32() }) });
}

describe("evenSample", () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 12 });

  test("takes exactly as many as wanted, evenly, wherever batches begin", () => {
    fc.assert(
      fc.property(sizes, fc.double({ min: 0, max: 1, noNaN: true }), (lengths, share) => {
        const total = lengths.reduce((a, b) => a + b, 0);
        const wanted = Math.round(total * share);
        const take = evenSample(total, wanted);
        const taken: number[] = [];
        let at = 0;
        for (const length of lengths) {
          const values = take(numbered(at, at + length))
            .getChild("row")
            ?.toArray() as Int32Array | undefined;
          taken.push(...(values ?? []));
          at += length;
        }
        expect(taken).toHaveLength(wanted);
        expect(taken).toEqual([...new Set(taken)].sort((a, b) => a - b));
        // Evenly: the k-th taken is never a whole step away from its place.
        taken.forEach((row, k) => expect(Math.abs(row + 1 - ((k + 1) * total) / wanted)).toBeLessThan(1 + 1e-9));
      }),
    );
  });

  test("keeps texts and missing values in their rows", () => {
    const names = ["a", null, "c", "d", null, "f"];
    const batch = new RecordBatch({ name: vectorFromArray(names).data[0]!, n: numbered(0, 6).data.children[0]! });
    const half = evenSample(6, 3)(batch);
    expect([...half].map((row) => [row?.["n"], row?.["name"]])).toEqual([
      [1, null],
      [3, "d"],
      [5, "f"],
    ]);
  });
});

describe("splitByPart", () => {
  const march = Date.UTC(2001, 2, 1);
  const july = Date.UTC(2001, 6, 3);
  const hours = fc.array(fc.integer({ min: march / 3_600_000, max: july / 3_600_000 }), { maxLength: 60 });

  test("loses no row, keeps their order, and puts each into the part of its time", () => {
    fc.assert(
      fc.property(hours, (given) => {
        const times = given.map((hour) => BigInt(hour) * 3_600_000_000n);
        const data = makeData({
          type: new TimestampMicrosecond("UTC"),
          length: times.length,
          data: BigInt64Array.from(times),
        });
        const found: Record<Part, bigint[]> = { train: [], validate: [], judge: [] };
        for (const [part, slice] of splitByPart(new RecordBatch({ date: data }), "date")) {
          expect(slice.numRows).toBeGreaterThan(0);
          found[part].push(...(slice.getChild("date")?.toArray() as BigInt64Array));
        }
        for (const part of ["train", "validate", "judge"] as const) {
          expect(found[part]).toEqual(times.filter((time) => partOf(Number(time)) === part));
        }
      }),
    );
  });

  test.each([
    ["2001-05-17T23:59:59Z", "train"],
    ["2001-05-18T00:00:00Z", "validate"],
    ["2001-05-31T23:59:59Z", "validate"],
    ["2001-06-01T00:00:00Z", "judge"],
    ["2001-06-30T23:59:59Z", "judge"],
    ["2001-07-01T00:00:00Z", undefined],
  ])("%s is for %s", (time, part) => expect(partOf(Date.parse(time) * 1000)).toBe(part));
});

describe("landedAt", () => {
  test("is departure, delay, 30 minutes, and the distance at 7 miles a minute", () => {
    const departure = Date.UTC(2001, 0, 1, 12) * 1000;
    expect(landedAt(departure, 20, 700) - departure).toBe((20 + 30 + 100) * 60_000_000);
  });

  test("is whole microseconds, never earlier for a later, more delayed or longer flight", () => {
    const flight = fc.tuple(fc.integer(), fc.integer({ min: -60, max: 1500 }), fc.integer({ min: 1, max: 5000 }));
    fc.assert(
      fc.property(flight, fc.nat(1000), ([at, delay, miles], more) => {
        const landed = landedAt(at, delay, miles);
        expect(Number.isInteger(landed)).toBe(true);
        expect(landedAt(at + more, delay, miles)).toBeGreaterThanOrEqual(landed);
        expect(landedAt(at, delay + more, miles)).toBeGreaterThanOrEqual(landed);
        expect(landedAt(at, delay, miles + more)).toBeGreaterThanOrEqual(landed);
      }),
    );
  });
});
