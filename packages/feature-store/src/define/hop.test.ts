import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hopMicros, leavesAt, longestReach, windowStart } from "./hop.ts";
import { count, window } from "./window.ts";

const hour = 3_600_000_000;

describe("a window whose tail hops", () => {
  it("holds a row from its event until a whole hop has passed, before 1970 too", () => {
    const time = fc.integer({ min: -40, max: 40 });
    const property = fc.property(time, time, fc.integer({ min: 1, max: 9 }), fc.nat(8), (event, at, width, part) => {
      const hop = 1 + (part % width);
      const within = Math.floor(event / hop) >= Math.floor((at - width + 1) / hop);
      expect(event >= windowStart({ width, hop }, at)).toBe(within);
      expect(at < leavesAt({ width, hop }, event)).toBe(within);
      expect(!within || at - event < longestReach({ width, hop })).toBe(true);
    });
    fc.assert(property, { numRuns: 2_000 });
  });

  it("is an exact window when it hops by a microsecond, or not at all", () => {
    expect(windowStart({ width: 5, hop: 1 }, 100)).toBe(windowStart({ width: 5 }, 100));
    expect(leavesAt({ width: 5, hop: 1 }, 100)).toBe(leavesAt({ width: 5 }, 100));
    expect(windowStart({ width: Infinity }, 100)).toBe(-Infinity);
  });

  it("hops as Chronon does when that is left to us", () => {
    expect([1, 11.5, 12, 24 * 7, 24 * 12].map((hours) => hopMicros("auto", hours * hour))).toEqual(
      [1 / 12, 1 / 12, 1, 1, 24].map((hours) => hours * hour),
    );
    expect(hopMicros("auto", 60_000_000)).toBe(60_000_000);
    expect(window("7d", count(), { hop: "1h" })).toMatchObject({ width: 168 * hour, hop: hour });
    expect(window("7d", count()).hop).toBeUndefined();
  });

  it("refuses a hop that is longer than its window, or none", () => {
    const invalid = expect.objectContaining({ code: "DURATION_INVALID" });
    expect(() => window("1h", count(), { hop: "2h" })).toThrow(invalid);
    expect(() => window("1h", count(), { hop: "0s" })).toThrow(invalid);
  });
});
