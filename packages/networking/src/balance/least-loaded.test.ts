import { isAshlarError } from "@ashlar/core";
import { manualClock } from "@ashlar/core/memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Lease } from "./balancer.ts";
import { leastLoaded } from "./least-loaded.ts";

const urls = (count: number): string[] => Array.from({ length: count }, (_, index) => `http://10.0.0.${index + 1}:80`);

/** Deterministic, uniform in [0, 1): the mulberry32 generator. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("leastLoaded", () => {
  it("never chooses the busier of its two candidates", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 2, max: 8 }), (seed, count) => {
        const balancer = leastLoaded(urls(count), { random: seeded(seed) });
        for (let request = 0; request < 100; request += 1) {
          const before = balancer.statistics();
          const { url } = balancer.acquire() as Lease;
          const chosen = before.find((upstream) => upstream.url === url);
          const busier = before.filter((upstream) => upstream.outstanding >= (chosen?.outstanding as number));
          // The other candidate was at least as busy, so there must be one.
          expect(busier.length).toBeGreaterThan(1);
        }
      }),
    );
  });

  it("spreads held requests far better than chance would", () => {
    const balancer = leastLoaded(urls(10), { random: seeded(1) });
    for (let request = 0; request < 1000; request += 1) balancer.acquire();
    const loads = balancer.statistics().map((upstream) => upstream.outstanding);
    expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(4);
  });

  it("makes the same choices from the same random numbers", () => {
    const choices = (): string[] => {
      const balancer = leastLoaded(urls(5), { random: seeded(7) });
      return Array.from({ length: 50 }, () => (balancer.acquire() as Lease).url);
    };
    expect(choices()).toEqual(choices());
  });

  it("goes to another upstream than the one that was tried, while there is one", () => {
    const balancer = leastLoaded(urls(2));
    const [first, second] = balancer.urls as [string, string];
    for (let turn = 0; turn < 20; turn += 1) expect(balancer.acquire(new Set([first]))?.url).toBe(second);
    expect(balancer.acquire(new Set([first, second]))).toBeDefined();
  });

  it("counts a lease once, however often it is released", () => {
    const balancer = leastLoaded(urls(1));
    const lease = balancer.acquire();
    lease?.release("failure");
    lease?.release("failure");
    expect(balancer.statistics()[0]).toMatchObject({ outstanding: 0, requests: 1, failures: 1 });
  });

  it("stops sending to a failing upstream, probes it ever less, and takes it back", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 2, max: 6 }), (seed, count) => {
        const clock = manualClock();
        const outlier = { failures: 3, ejection: 1000, maxEjection: 60_000 };
        const balancer = leastLoaded(urls(count), { random: seeded(seed), clock, outlier });
        const sick = balancer.urls[0] as string;
        let healthy = false;
        const run = (seconds: number): number => {
          let sent = 0;
          for (let tick = 0; tick < seconds * 100; tick += 1) {
            const lease = balancer.acquire() as Lease;
            if (lease.url === sick) sent += 1;
            lease.release(lease.url === sick && !healthy ? "failure" : "success");
            clock.advance(10);
          }
          return sent;
        };
        // 3 failures eject it; probes follow after 1, 2, 4, 8, 16 and 32 s.
        expect(run(64)).toBeLessThanOrEqual(3 + 6);
        expect(balancer.statistics()[0]?.ejected).toBe(true);
        healthy = true;
        run(61);
        expect(balancer.statistics()[0]?.ejected).toBe(false);
        expect(run(10)).toBeGreaterThan(1000 / count / 2);
      }),
      { numRuns: 10 },
    );
  });

  it.each([
    [2, 10, 1],
    [10, 50, 5],
    [10, 0, 0],
    [1, 50, 0],
    [1, 100, 1],
    [3, 100, 3],
  ])("of %d upstreams at %d %% it ejects at most %d", (count, maxEjectionPercent, most) => {
    const balancer = leastLoaded(urls(count), { outlier: { failures: 1, maxEjectionPercent }, clock: manualClock() });
    for (let request = 0; request < 200; request += 1) balancer.acquire()?.release("failure");
    expect(balancer.statistics().filter((upstream) => upstream.ejected)).toHaveLength(most);
    expect(balancer.acquire() === undefined).toBe(most === count);
  });

  it.each([
    [[]],
    [["nonsense"]],
    [["ftp://a"]],
    [["http://a/b"]],
    [["http://u@a"]],
    [["http://a?x"]],
    [["http://a", "http://a:80"]],
  ])("refuses the urls %j", (list) => {
    expect(() => leastLoaded(list)).toThrow(expect.toSatisfy((error) => isAshlarError(error, "OPTION_INVALID")));
  });
});
