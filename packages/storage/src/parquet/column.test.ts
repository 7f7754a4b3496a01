import { DateMillisecond, Field, makeData, TimestampMillisecond, TimestampSecond } from "apache-arrow";
import { expect, it } from "vitest";
import { columnOf } from "./column.ts";

it.each([
  ["seconds", new TimestampSecond("UTC"), 1_000_000n],
  ["milliseconds", new TimestampMillisecond(), 1000n],
  ["days in milliseconds", new DateMillisecond(), 1000n],
] as const)("takes times in %s as microseconds, and refuses those that have none", (_, type, factor) => {
  const [least, most] = [-(2n ** 63n) / factor, (2n ** 63n - 1n) / factor];
  const field = new Field("t", type, true);
  const of = (values: readonly bigint[], nullBitmap = Uint8Array.of(255)) => {
    const nulls = { nullBitmap, nullCount: nullBitmap[0] === 255 ? 0 : 1 };
    const data = BigInt64Array.from(values);
    return columnOf(field, makeData({ type, length: values.length, data, ...nulls } as never));
  };
  const { get } = of([least, -1n, 0n, most]);
  expect([0, 1, 2, 3].map(get)).toEqual([least * factor, -factor, 0n, most * factor]);
  for (const beyond of [least - 1n, most + 1n, 2n ** 63n - 1n]) {
    expect(() => of([0n, beyond])).toThrow(expect.objectContaining({ code: "VALUE_INVALID" }));
    // What stands at a null is no value.
    expect([0, 1].map(of([5n, beyond], Uint8Array.of(1)).get)).toEqual([5n * factor, null]);
  }
});
