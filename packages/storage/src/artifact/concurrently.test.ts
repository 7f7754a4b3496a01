import { setImmediate as tick } from "node:timers/promises";
import { expect, it } from "vitest";
import { concurrently } from "./concurrently.ts";

it("keeps the order of the items and never has more than the limit at hand", async () => {
  let [running, most] = [0, 0];
  const results = await concurrently([5, 1, 4, 2, 3, 0], 3, async (item) => {
    most = Math.max(most, ++running);
    for (let i = 0; i < item; i++) await tick();
    running -= 1;
    return item * 10;
  });
  expect(results).toEqual([50, 10, 40, 20, 30, 0]);
  expect(most).toBe(3);
});

it("fails with the first failure, once all that began is over, and lets go of the source", async () => {
  let released = false;
  let running = 0;
  async function* items(): AsyncGenerator<number> {
    try {
      for (let i = 0; i < 1000; i++) yield i;
    } finally {
      released = true;
    }
  }
  const work = concurrently(items(), 4, async (item) => {
    running += 1;
    await tick();
    running -= 1;
    if (item === 6) throw new Error("six");
  });
  await expect(work).rejects.toThrow("six");
  expect([released, running]).toEqual([true, 0]);
});
