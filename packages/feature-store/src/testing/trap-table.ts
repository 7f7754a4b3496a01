import { expect, it } from "vitest";
import type { OfflineEngine } from "../offline/port.ts";
import { traps } from "./traps.ts";

/** One test for each trap. */
export function trapTable(create: () => OfflineEngine | Promise<OfflineEngine>): void {
  for (const { id, title, run } of traps) {
    it(`${id}: ${title}`, { timeout: 60_000 }, async () => {
      await expect(run(await create())).resolves.toBeUndefined();
    });
  }
}
