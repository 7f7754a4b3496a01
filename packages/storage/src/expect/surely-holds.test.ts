import fc from "fast-check";
import { expect, it } from "vitest";
import { batchFrom } from "../parquet/batch-from.ts";
import { type Column, columnsOf } from "../parquet/column.ts";
import { columnCheckOf } from "./conditions.ts";
import { surelyHolds } from "./surely-holds.ts";
import { between, notNull, oneOf } from "./value.ts";

const double = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(NaN, -0, Infinity, -Infinity));
const columns = fc.oneof(
  fc.tuple(fc.constant("integer" as const), fc.array(fc.option(fc.integer({ min: -3, max: 3 })), { minLength: 1 })),
  fc.tuple(fc.constant("double" as const), fc.array(fc.option(double), { minLength: 1 })),
  fc.tuple(fc.constant("long" as const), fc.array(fc.option(fc.bigInt(-3n, 3n)), { minLength: 1 })),
  fc.tuple(fc.constant("string" as const), fc.array(fc.option(fc.constantFrom("a", "b", "")), { minLength: 1 })),
);

it("says so only of columns whose every value satisfies the expectation", () => {
  let told = 0;
  fc.assert(
    fc.property(columns, fc.integer({ min: -4, max: 4 }), fc.integer({ min: -4, max: 4 }), ([type, values], a, b) => {
      const [column] = columnsOf(batchFrom({ c: [type, values] })) as [Column];
      const [low, high] = type === "string" ? ["a", "b"] : [a, b];
      for (const expectation of [notNull("c"), between("c", low, high), oneOf("c", [low, high])]) {
        const check = columnCheckOf(expectation, new Map([["c", type]]));
        if (check === undefined || !surelyHolds(check, column)) continue;
        told += 1;
        const holds = expectation.test(type);
        expect(values.every((_, row) => holds(column.get(row)))).toBe(true);
      }
    }),
  );
  expect(told).toBeGreaterThan(0);
});
