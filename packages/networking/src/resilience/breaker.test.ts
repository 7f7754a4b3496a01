import { isAshlarError } from "@ashlar/core";
import { manualClock } from "@ashlar/core/memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createBreaker, type Permit } from "./breaker.ts";

const setUp = () => {
  const clock = manualClock();
  const breaker = createBreaker({ failures: 2, cooldown: 100, maxCooldown: 300, clock });
  const fail = (): void => breaker.admit()?.fail();
  return { clock, breaker, fail };
};

describe("createBreaker", () => {
  it("opens after consecutive failures only", () => {
    const { breaker, fail } = setUp();
    fail();
    breaker.admit()?.succeed();
    fail();
    expect(breaker.state).toBe("closed");
    fail();
    expect(breaker.state).toBe("open");
    expect(breaker.admit()).toBeUndefined();
    expect(breaker.retryAfterMs).toBe(100);
  });

  it("lets one probe through, and closes when it succeeds", () => {
    const { clock, breaker, fail } = setUp();
    fail();
    fail();
    clock.advance(100);
    const probe = breaker.admit();
    expect(probe).toBeDefined();
    expect(breaker.admit()).toBeUndefined();
    probe?.succeed();
    expect(breaker.state).toBe("closed");
  });

  it("stays open longer after each failed probe, up to its limit", () => {
    const { clock, breaker, fail } = setUp();
    fail();
    fail();
    const waits: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      waits.push(breaker.retryAfterMs);
      clock.advance(breaker.retryAfterMs);
      fail();
    }
    expect(waits).toEqual([100, 200, 300, 300]);
  });

  it("gives the probe's place back when its caller went away", () => {
    const { clock, breaker, fail } = setUp();
    fail();
    fail();
    clock.advance(100);
    breaker.admit()?.abandon();
    expect(breaker.state).toBe("half-open");
    expect(breaker.admit()).toBeDefined();
  });

  it("does not let a call from before it opened speak for its probe", () => {
    const { clock, breaker, fail } = setUp();
    const slow = breaker.admit() as Permit;
    const slowToFail = breaker.admit() as Permit;
    fail();
    fail();
    slow.succeed();
    expect(breaker.state).toBe("open");
    clock.advance(100);
    const probe = breaker.admit() as Permit;
    slowToFail.fail();
    expect(breaker.state).toBe("half-open");
    probe.succeed();
    probe.fail();
    expect(breaker.state).toBe("closed");
  });

  it("never has more than one call under way while it is not closed", () => {
    expect.hasAssertions();
    const moves = fc.array(
      fc.record({
        wait: fc.integer({ min: 0, max: 60 }),
        end: fc.constantFrom("succeed", "fail", "abandon"),
        hold: fc.boolean(),
      }),
    );
    fc.assert(
      fc.property(moves, (list) => {
        const { clock, breaker } = setUp();
        let held: Permit[] = [];
        for (const { wait, end, hold } of list) {
          clock.advance(wait);
          const wasClosed = breaker.state === "closed";
          const permit = breaker.admit();
          const second = wasClosed || !permit ? undefined : breaker.admit();
          expect(second).toBeUndefined();
          if (permit) held.push(permit);
          if (hold) continue;
          for (const each of held) each[end]();
          held = [];
        }
      }),
    );
  });

  it("refuses settings that make no sense", () => {
    expect(() => createBreaker({ failures: 0 })).toThrow(
      expect.toSatisfy((error) => isAshlarError(error, "OPTION_INVALID")),
    );
  });
});
