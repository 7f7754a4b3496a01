import { expect, it } from "vitest";
import { type Duration, durationMs } from "./duration.ts";

it.each([
  ["250ms", 250],
  ["1.5s", 1500],
  ["15m", 900_000],
  ["24h", 86_400_000],
  ["7d", 604_800_000],
  [42, 42],
] as const)("%s is %d milliseconds", (value, expected) => {
  expect(durationMs("grace", value)).toBe(expected);
});

it.each([["0h"], ["-1h"], ["h"], ["1 h"], ["1w"], [0], [-1], [NaN], [Infinity]] as [Duration][])(
  "refuses %s",
  (value) => {
    const refusal = { code: "DURATION_INVALID", details: { name: "grace", value: String(value) } };
    expect(() => durationMs("grace", value)).toThrow(expect.objectContaining(refusal));
  },
);
