import { isAshlarError } from "@ashlar/core";
import { describe, expect, it } from "vitest";
import { type Duration, toMilliseconds } from "./duration.ts";

describe("toMilliseconds", () => {
  it.each([
    [250, 250],
    ["250ms", 250],
    ["1.5s", 1500],
    ["2m", 120_000],
    ["1h", 3_600_000],
  ] as const)("%s is %d ms", (duration, milliseconds) => {
    expect(toMilliseconds(duration, "deadline")).toBe(milliseconds);
  });

  it.each([0, -1, Number.NaN, Infinity, 2 ** 31, "0s", "-1s", "1d", "1", "s", "1e3s", " 1s"])(
    "refuses %j",
    (duration) => {
      expect(() => toMilliseconds(duration as Duration, "deadline")).toThrow(
        expect.toSatisfy((error) => isAshlarError(error, "OPTION_INVALID")),
      );
    },
  );
});
