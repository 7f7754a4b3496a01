import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { column, entity, featureView, fromRows } from "../index.ts";
import { arrowTable } from "../testing/tables.ts";
import { type NumericProfile, profile } from "./index.ts";

describe("profile", () => {
  it("agrees with the definitions on any numbers", async () => {
    const value = fc.option(
      // The sign of zero is no part of a statistic.
      fc.double({ noNaN: true, min: -1e6, max: 1e6 }).map((each) => (each === 0 ? 0 : each)),
      { nil: null },
    );
    const property = fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 80 }), async (values) => {
      const { rows, columns } = await profile(arrowTable({ x: ["float64", values] }), {
        quantiles: [0, 0.5, 1],
        bins: 4,
      });
      const present = values.filter((each) => each !== null);
      const mean = present.reduce((sum, each) => sum + each, 0) / present.length;
      const variance = present.reduce((sum, each) => sum + (each - mean) ** 2, 0) / present.length;
      const found = columns["x"];
      expect(rows).toBe(values.length);
      expect(found).toMatchObject({
        kind: "number",
        count: values.length,
        nulls: values.length - present.length,
        exact: true,
      });
      // Two of eighty may share a register of the sketch.
      expect(Math.abs((found as NumericProfile).distinct - new Set(present).size)).toBeLessThanOrEqual(3);
      const [least, greatest] = present.length === 0 ? [null, null] : [Math.min(...present), Math.max(...present)];
      expect(found).toMatchObject({ quantiles: { "0": least, "1": greatest } });
      const { mean: itsMean, stddev } = found as NumericProfile;
      expect([itsMean === null, stddev === null]).toEqual([present.length === 0, present.length === 0]);
      expect(Math.abs((itsMean ?? 0) - (present.length === 0 ? 0 : mean))).toBeLessThan(1e-6);
      expect(Math.abs((stddev ?? 0) - (present.length === 0 ? 0 : Math.sqrt(variance)))).toBeLessThan(1e-5);
    });
    await fc.assert(property);
  });

  it("tells numbers, times, categories and what no feature holds apart, over batches and a view", async () => {
    const at = new Date("2001-06-01T00:00:00Z");
    const rows = Array.from({ length: 100 }, (_, i) => ({
      id: `k${i % 4}`,
      at,
      size: i === 7 ? Number.NaN : i,
      open: i % 10 === 0,
    }));
    const source = fromRows("rows", rows);
    const view = featureView({
      name: "v",
      entities: [entity({ name: "thing", key: { id: "string" } })],
      source,
      eventTime: "at",
      ttl: "1d",
      features: { size: column("size") },
    });
    const { columns } = await profile(view, { top: 2 });
    expect(columns["id"]).toMatchObject({
      kind: "string",
      distinct: 4,
      top: [{ count: 25 }, { count: 25 }],
      topError: 0,
    });
    expect(columns["open"]).toMatchObject({
      kind: "boolean",
      distinct: 2,
      top: [{ value: false, count: 90 }, { value: true }],
    });
    expect(columns["at"]).toMatchObject({
      kind: "time",
      distinct: 1,
      min: at.getTime() * 1000,
      histogram: { shares: [1] },
    });
    expect(columns["size"]).toMatchObject({ kind: "number", count: 100, notFinite: 1, max: 99 });
    await expect(profile(view, { columns: ["none"] })).rejects.toMatchObject({ code: "COLUMN_MISSING" });
  });

  it("refuses options that are out of range", async () => {
    const source = fromRows("rows", [{ size: 1 }]);
    for (const options of [{ bins: 0 }, { bins: 1.5 }, { sample: 0 }, { top: -1 }, { quantiles: [0.5, 2] }]) {
      await expect(profile(source, options)).rejects.toMatchObject({ code: "REQUEST_INVALID" });
    }
  });
});
