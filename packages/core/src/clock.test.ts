import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { systemClock } from "./index.ts";

describe("the clock of this machine", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test("sleeps for longer than one timer can, and is woken by an abort", async () => {
    const month = 30 * 24 * 3600 * 1000;
    let awake = false;
    void systemClock.sleep(month).then(() => (awake = true));
    await vi.advanceTimersByTimeAsync(month - 1);
    expect(awake).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(awake).toBe(true);

    const controller = new AbortController();
    const forEver = systemClock.sleep(Number.POSITIVE_INFINITY, { signal: controller.signal });
    const ended = forEver.catch((error: Error) => error.message);
    await vi.advanceTimersByTimeAsync(3 * month);
    controller.abort(new Error("enough"));
    expect(await ended).toBe("enough");
    expect(vi.getTimerCount()).toBe(0);
  });
});
