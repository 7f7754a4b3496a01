import { expect, test } from "vitest";

import { ShortWait } from "./short-wait.ts";

/** Time that moves by a microsecond with each look at the clock. */
function clock(): { now: () => number; pass: (milliseconds: number) => void } {
  let time = 0;
  return {
    now: () => (time += 0.001),
    pass(milliseconds) {
      time += milliseconds;
    },
  };
}

test("it looks only while runs follow closely, and for a bounded time", () => {
  const { now, pass } = clock();
  const wait = new ShortWait(now);
  let looks = 0;
  let sleeps = 0;
  const never = (sleepMs: number, runMs = 0.01): void =>
    wait.wait(
      runMs,
      () => {
        looks++;
        return false;
      },
      () => {
        sleeps++;
        pass(sleepMs);
      },
    );
  never(10);
  never(0.05);
  expect({ looks, sleeps }).toEqual({ looks: 0, sleeps: 2 });
  never(0.05);
  expect(looks).toBeGreaterThan(10);
  expect(looks).toBeLessThan(100);
  looks = 0;
  never(0.05, 5);
  expect(looks).toBe(0);
});

test("what is found in time is not slept for", () => {
  const { now, pass } = clock();
  const wait = new ShortWait(now);
  wait.wait(
    0.01,
    () => false,
    () => pass(0.05),
  );
  for (let run = 0; run < 100; run++) {
    let looks = 0;
    wait.wait(
      0.01,
      () => ++looks === 20,
      () => expect.unreachable(),
    );
  }
});

test("looks in vain become ever rarer", () => {
  const { now, pass } = clock();
  const wait = new ShortWait(now);
  const searches: number[] = [];
  for (let run = 0; run < 2000; run++) {
    let looked = false;
    wait.wait(
      0.01,
      () => {
        looked = true;
        return false;
      },
      () => pass(0.1),
    );
    if (looked) searches.push(run);
  }
  expect(searches.length).toBeLessThan(16);
  const gaps = searches.slice(1).map((run, index) => run - (searches[index] as number));
  expect(gaps).toEqual(gaps.toSorted((a, b) => a - b));
});
