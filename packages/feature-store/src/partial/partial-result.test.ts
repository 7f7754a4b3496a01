import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Aggregate,
  approxCountDistinct,
  approxQuantile,
  column,
  count,
  countDistinct,
  entity,
  featureView,
  first,
  fromRows,
  last,
  max,
  mean,
  median,
  min,
  share,
  stddev,
  sum,
  window,
} from "../index.ts";
import type { EventCell } from "../push/instant.ts";
import type { PartialResult } from "./partial-result.ts";
import { type Respect, respectOf, valueOf } from "./respect.ts";

const aggregates = [
  count(),
  share(column("x").greaterThan(1)),
  share(column("x").equals(5)),
  sum("x"),
  mean("x"),
  stddev("x"),
  min("x"),
  max("x"),
  first("x"),
  last("x"),
  approxCountDistinct("x"),
  approxQuantile("x", 0.3),
];
const view = featureView({
  name: "v",
  entities: [entity({ name: "thing", key: { id: "string" } })],
  source: fromRows("v", []),
  eventTime: "at",
  ttl: "1d",
  features: { x: window("1d", count()) },
});

const cell: fc.Arbitrary<EventCell> = fc.oneof(
  fc.constant(null),
  fc.constantFrom(0.1, 0.2, -0, 5, NaN, Infinity, -Infinity, 1.7e308, -1.7e308, 5e-324),
  fc.double(),
  fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n }),
);
const event = fc.record({ cell, event: fc.nat(3), known: fc.nat(3) });

const answersOf = (results: readonly PartialResult[]): unknown =>
  results.map((result, i) => valueOf(view, aggregates[i] as Aggregate, result));

describe("partial results", () => {
  it("come to the same however the events were parted, and in whatever order the parts are merged", () => {
    const respects = aggregates.map((of) => respectOf(of) as Respect);
    const property = fc.property(
      fc.array(fc.tuple(event, fc.nat(4)), { maxLength: 40 }),
      fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }),
      (events, order) => {
        const make = (): PartialResult[] => respects.map((respect) => respect.make());
        const whole = make();
        const parts = order.map(make);
        events.forEach(([{ cell: value, ...at }, part], arrived) => {
          for (const into of [whole, parts[part] ?? []]) for (const each of into) each.add(value, { ...at, arrived });
        });
        const merged = make();
        for (const part of order) parts[part]?.forEach((result, i) => merged[i]?.merge(result.toBytes()));
        expect(answersOf(merged)).toEqual(answersOf(whole));
      },
    );
    fc.assert(property, { numRuns: 1_000 });
  });

  it("are the values of their events", () => {
    const answer = (of: Aggregate, cells: readonly EventCell[]): unknown => {
      const result = (respectOf(of) as Respect).make();
      cells.forEach((each, arrived) => result.add(each, { event: 0, known: 0, arrived }));
      return valueOf(view, of, result);
    };
    const big = 2n ** 53n;
    expect(answer(sum("x", "int64"), [big, big + 1n, null, -3])).toBe(2n * big - 2n);
    expect(answer(stddev("x"), [big + 1n, big + 3n])).toBe(1);
    expect(answer(sum("x"), [1.7e308, 1.7e308, -1.7e308])).toBe(1.7e308);
    expect(answer(stddev("x"), [1e150, 3e150])).toBeCloseTo(1e150, -136);
    expect(answer(min("x", "int64"), [big + 1n, big + 2n])).toBe(big + 1n);
    expect(answer(share(column("x").equals("b")), ["b", "a", null])).toBe(0.5);
    expect(answer(share(column("x").equals(true)), [true, false, null])).toBe(0.5);
    expect(answer(last("x", "string"), ["b", "a", null])).toBe("a");
    expect(answer(approxCountDistinct("x"), ["5", 5, 5n, true, 1])).toBe(3);
    for (const of of [sum("x"), mean("x"), stddev("x"), min("x"), first("x"), approxQuantile("x", 0.5)])
      expect(answer(of, [null])).toBeNull();
    expect([answer(count(), []), answer(approxCountDistinct("x"), [null])]).toEqual([0, 0]);
  });

  it("are not had of what needs the events themselves", () => {
    expect([respectOf(countDistinct("x")), respectOf(median("x"))]).toEqual([undefined, undefined]);
  });

  it("refuse bytes that are none of their kind", () => {
    const corrupt = expect.objectContaining({ code: "VECTOR_CORRUPT" });
    const wrong = Buffer.alloc(40);
    wrong.writeDoubleLE(-1);
    const longer = Buffer.concat([Buffer.alloc(32), Buffer.of(3, 0, 0)]);
    const text = Buffer.concat([Buffer.alloc(32), Buffer.of(255, 2, 0, 0, 0), Buffer.from("0x")]);
    for (const of of [count(), share(column("x").equals(1)), sum("x"), stddev("x"), approxQuantile("x", 0.5)]) {
      const respect = respectOf(of) as Respect;
      expect(() => respect.make().merge(new Uint8Array(3))).toThrow(corrupt);
      expect(() => respect.make().merge(wrong)).toThrow(corrupt);
    }
    const cut = Buffer.concat([Buffer.alloc(32), Buffer.of(255, 2)]);
    for (const bytes of [longer, text, cut])
      expect(() => (respectOf(sum("x")) as Respect).make().merge(bytes)).toThrow(corrupt);
  });
});
