import fc from "fast-check";
import { expect, it } from "vitest";
import { batchFrom } from "./batch-from.ts";
import { ColumnBounds } from "./column-bounds.ts";
import { type Column, columnsOf } from "./column.ts";

const long = fc.oneof(
  fc.bigInt(-5n, 5n),
  fc.bigInt(-(2n ** 53n) - 3n, -(2n ** 53n) + 3n),
  fc.bigInt(2n ** 53n - 3n, 2n ** 53n + 3n),
  fc.bigInt(2n ** 32n - 2n, 2n ** 32n + 2n),
  fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
);

it("finds the smallest and the greatest of 64-bit integers, to the last bit", () => {
  fc.assert(
    fc.property(fc.array(fc.option(long, { freq: 4 }), { maxLength: 12 }), (values) => {
      const [column] = columnsOf(batchFrom({ n: ["long", values] })) as [Column];
      const bounds = new ColumnBounds();
      bounds.observe(column, column.nullCount > 0 ? column.isNull : undefined);
      const given = values.filter((value) => value !== null).toSorted((a, b) => (a < b ? -1 : 1));
      expect([bounds.min, bounds.max]).toEqual([given[0], given.at(-1)]);
    }),
    { numRuns: 1000 },
  );
});
