import { isAshlarError } from "@ashlar/core";
import { manualClock } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import { networkingError } from "../errors.ts";
import { resilience } from "./resilience.ts";

const code = (expected: string) => expect.toSatisfy((error) => isAshlarError(error, expected));

/** Lets everything that can go on go on, then moves time. */
async function pass(clock: ReturnType<typeof manualClock>, milliseconds: number): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  clock.advance(milliseconds);
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

describe("resilience", () => {
  it("hands the result through", async () => {
    const call = resilience({ deadline: "1s", retry: { budget: 0.1 }, breaker: true });
    expect(await call(async () => 7)).toBe(7);
  });

  it("ends a call that ignores its signal when the deadline passes", async () => {
    const clock = manualClock();
    const call = resilience({ deadline: "1s", clock });
    let seen: AbortSignal | undefined;
    const result = call((signal) => {
      seen = signal;
      return new Promise<never>(() => {});
    });
    await Promise.all([expect(result).rejects.toThrow(code("DEADLINE_EXCEEDED")), pass(clock, 1000)]);
    expect(seen?.aborted).toBe(true);
  });

  it("takes the shorter of its own deadline and its caller's", async () => {
    const call = resilience({ deadline: "1h" });
    const left = await call(async (_, { remainingMs }) => remainingMs(), { remainingMs: 50 });
    expect(left).toBeLessThanOrEqual(50);
    await expect(call(async () => 1, { remainingMs: 0 })).rejects.toThrow(code("DEADLINE_EXCEEDED"));
  });

  it("retries with growing waits until it succeeds", async () => {
    const clock = manualClock();
    const call = resilience({ retry: { budget: 1, attempts: 3, backoff: 100 }, clock, random: () => 0.5 });
    const tries: number[] = [];
    const result = call(async (_, { attempt }) => {
      tries.push(clock.monotonic());
      if (attempt < 3) throw new Error("not yet");
      return attempt;
    });
    await pass(clock, 100);
    await pass(clock, 200);
    expect(await result).toBe(3);
    expect(tries).toEqual([0, 100, 300]);
  });

  it("does not begin a wait that the deadline would cut off", async () => {
    const clock = manualClock();
    const call = resilience({ deadline: 150, retry: { budget: 1, backoff: 100 }, clock, random: () => 0.9 });
    await expect(call(() => Promise.reject(new Error("first")))).rejects.toThrow("first");
  });

  it("does not repeat what an Ashlar error says is final", async () => {
    const call = resilience({ retry: { budget: 1 } });
    let tries = 0;
    const final = networkingError("UNAUTHENTICATED", { reason: "no token" });
    const operation = async (): Promise<never> => {
      tries += 1;
      throw final;
    };
    await expect(call(operation)).rejects.toBe(final);
    expect(tries).toBe(1);
  });

  it("bounds the retries of all its calls by one budget", async () => {
    const call = resilience({ retry: { budget: 0.1, reserve: 0, backoff: 0.001 } });
    let tries = 0;
    for (let request = 0; request < 100; request += 1) {
      const failing = call(async () => {
        tries += 1;
        throw new Error("down");
      });
      await expect(failing).rejects.toThrow("down");
    }
    expect(tries).toBe(110);
  });

  it("stops calling while the breaker is open", async () => {
    const clock = manualClock();
    const call = resilience({ breaker: { failures: 2, cooldown: "1s" }, clock });
    let tries = 0;
    const down = async (): Promise<never> => {
      tries += 1;
      throw new Error("down");
    };
    for (let request = 0; request < 2; request += 1) await expect(call(down)).rejects.toThrow("down");
    await expect(call(down)).rejects.toThrow(code("BREAKER_OPEN"));
    expect(tries).toBe(2);
    clock.advance(1000);
    expect(await call(async () => "back")).toBe("back");
  });

  it("ends with the reason of the caller's signal, which says nothing about the other side", async () => {
    const call = resilience({ breaker: { failures: 1 }, retry: { budget: 1 } });
    const controller = new AbortController();
    const result = call(() => new Promise<never>(() => {}), { signal: controller.signal });
    controller.abort(new Error("changed my mind"));
    await expect(result).rejects.toThrow("changed my mind");
    expect(await call(async () => "closed")).toBe("closed");
    await expect(call(async () => 1, { signal: controller.signal })).rejects.toThrow("changed my mind");
  });

  it("refuses settings that make no sense", () => {
    expect(() => resilience({ retry: { budget: 2 } })).toThrow(code("OPTION_INVALID"));
    expect(() => resilience({ retry: { budget: 0.1, attempts: 0 } })).toThrow(code("OPTION_INVALID"));
  });
});
