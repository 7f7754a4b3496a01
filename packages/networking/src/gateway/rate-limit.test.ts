import { isAshlarError } from "@ashlar/core";
import { manualClock } from "@ashlar/core/memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressKey, type Rate, rateLimiter } from "./rate-limit.ts";

/** A bucket that is filled drop by drop, in exact fractions: tokens are counted in 1/unit. */
function naiveBucket(count: number, unit: number, burst: number): (now: number) => boolean {
  let level = burst * unit;
  let last = 0;
  return (now) => {
    level = Math.min(burst * unit, level + (now - last) * count);
    last = now;
    if (level < unit) return false;
    level -= unit;
    return true;
  };
}

describe("rateLimiter", () => {
  it("agrees with a token bucket on any traffic", () => {
    const units = { s: 1000, m: 60_000, h: 3_600_000 } as const;
    const traffic = fc.array(fc.record({ wait: fc.integer({ min: 0, max: 3000 }), key: fc.constantFrom("a", "b") }), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.constantFrom("s", "m", "h"),
        fc.integer({ min: 1, max: 20 }),
        traffic,
        (count, unit, burst, requests) => {
          const clock = manualClock();
          const limiter = rateLimiter({ rate: `${count}/${unit}`, burst, clock });
          const buckets = { a: naiveBucket(count, units[unit], burst), b: naiveBucket(count, units[unit], burst) };
          for (const { wait, key } of requests) {
            clock.advance(wait);
            expect(limiter.take(key).allowed).toBe(buckets[key](clock.monotonic()));
          }
        },
      ),
    );
  });

  it("lets the request through exactly when it said", () => {
    const clock = manualClock();
    const limiter = rateLimiter({ rate: "4/s", burst: 2, clock });
    expect([limiter.take("a").allowed, limiter.take("a").allowed]).toEqual([true, true]);
    const { allowed, retryAfterMs } = limiter.take("a");
    expect({ allowed, retryAfterMs }).toEqual({ allowed: false, retryAfterMs: 250 });
    clock.advance(249);
    expect(limiter.take("a").allowed).toBe(false);
    clock.advance(1);
    expect(limiter.take("a").allowed).toBe(true);
  });

  it("never remembers more keys than its capacity", () => {
    const clock = manualClock();
    const limiter = rateLimiter({ rate: "1/s", capacity: 10, clock });
    for (let key = 0; key < 1000; key += 1) limiter.take(`key-${key}`);
    expect(limiter.size).toBeLessThanOrEqual(10);
    expect(limiter.take("key-999").allowed).toBe(false);
    clock.advance(2000);
    limiter.take("fresh");
    expect(limiter.take("key-998").allowed).toBe(true);
    expect(limiter.size).toBeLessThanOrEqual(10);
  });

  it.each(["", "1", "0/s", "-1/s", "1/d", "1e9/s", "x/s", "2000000/s"])("refuses the rate %j", (rate) => {
    expect(() => rateLimiter({ rate: rate as Rate })).toThrow(
      expect.toSatisfy((error) => isAshlarError(error, "OPTION_INVALID")),
    );
  });
});

describe("addressKey", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ])("%s counts as %s", (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});
