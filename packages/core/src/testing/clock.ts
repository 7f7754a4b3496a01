import { describe, expect, it } from "vitest";
import type { Clock } from "../clock.ts";

/** The contract of `Clock`. `pass` lets the given time go by. */
export function describeClock(
  name: string,
  suite: { readonly create: () => Clock; readonly pass: (clock: Clock, milliseconds: number) => Promise<void> },
): void {
  describe(`${name}: clock`, () => {
    it("goes forward by what passes", async () => {
      const clock = suite.create();
      const [wall, monotonic] = [clock.now(), clock.monotonic()];
      await suite.pass(clock, 20);
      expect(clock.now() - wall).toBeGreaterThanOrEqual(19);
      expect(clock.monotonic() - monotonic).toBeGreaterThanOrEqual(19);
    });

    it("wakes a sleeper when its time has come, and not before", async () => {
      const clock = suite.create();
      const start = clock.monotonic();
      const slept = clock.sleep(30);
      await suite.pass(clock, 40);
      await slept;
      expect(clock.monotonic() - start).toBeGreaterThanOrEqual(29);
    });

    it("rejects an aborted sleep with the reason", async () => {
      const clock = suite.create();
      const controller = new AbortController();
      const sleep = clock.sleep(60_000, { signal: controller.signal });
      controller.abort(new Error("cancelled"));
      await expect(sleep).rejects.toThrow("cancelled");
      await expect(clock.sleep(1, { signal: controller.signal })).rejects.toThrow("cancelled");
    });
  });
}
