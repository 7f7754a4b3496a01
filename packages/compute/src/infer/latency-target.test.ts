import { expect, test } from "vitest";

import { Histogram } from "./histogram.ts";
import { LatencyController, parseLatencyTarget } from "./latency-target.ts";

test("a target is read in its units", () => {
  expect(parseLatencyTarget("5ms p99")).toEqual({ milliseconds: 5, quantile: 0.99 });
  expect(parseLatencyTarget("250us p50")).toEqual({ milliseconds: 0.25, quantile: 0.5 });
  expect(parseLatencyTarget("1.5s p99.9")).toEqual({ milliseconds: 1500, quantile: 0.999 });
});

/** mulberry32: the same arrivals in every run. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One instance whose run takes 1 ms and 20 us for each row, and Poisson arrivals of one row. Virtual time. */
function simulate(target: string, perSecond: number): { p99Ms: number; meanRows: number } {
  const controller = new LatencyController(parseLatencyTarget(target), 256);
  const random = randomOf(7);
  const latencies = new Histogram();
  const waiting: number[] = [];
  let nextArrival = 0;
  let now = 0;
  let runs = 0;
  let rows = 0;
  for (let step = 0; step < 40_000; step++) {
    while (nextArrival <= now) {
      waiting.push(nextArrival);
      controller.observeArrival(nextArrival);
      nextArrival -= (Math.log(1 - random()) * 1000) / perSecond;
    }
    const plan = controller.plan();
    const ready = (waiting[0] ?? Number.POSITIVE_INFINITY) + plan.delayMs;
    if (waiting.length < plan.maxRows && now < ready) {
      now = Math.min(nextArrival, ready);
      continue;
    }
    const batch = waiting.splice(0, plan.maxRows);
    const ms = 1 + 0.02 * batch.length;
    now += ms;
    controller.observeRun(batch.length, ms * 1000);
    runs++;
    rows += batch.length;
    for (const at of batch) {
      controller.observeLatency((now - at) * 1000);
      if (step > 5000) latencies.record((now - at) * 1000);
    }
  }
  return { p99Ms: latencies.quantile(0.99) / 1000, meanRows: rows / runs };
}

test.each([200, 2000, 10_000])("keeps 10 ms at %d requests a second", (perSecond) => {
  expect(simulate("10ms p99", perSecond).p99Ms).toBeLessThan(10.7);
});

test("more room makes larger batches, and a lone request does not wait for others", () => {
  expect(simulate("20ms p99", 3000).meanRows).toBeGreaterThan(2 * simulate("4ms p99", 3000).meanRows);
  const controller = new LatencyController({ milliseconds: 5, quantile: 0.99 }, 256);
  controller.observeRun(1, 1000);
  controller.observeArrival(0);
  controller.observeArrival(1000);
  expect(controller.plan().delayMs).toBe(0);
});

test("a target that one row misses gets the largest batches, which empty the queue soonest", () => {
  const controller = new LatencyController({ milliseconds: 5, quantile: 0.99 }, 64);
  controller.observeRun(1, 50_000);
  expect(controller.plan()).toEqual({ maxRows: 64, delayMs: 0 });
});
