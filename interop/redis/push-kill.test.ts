import { fileURLToPath } from "node:url";
import { createFeatureStore, type Readings } from "@ashlar/feature-store";
import { redis } from "@ashlar/feature-store/redis";
import { describe, expect, it } from "vitest";
import { batchClock, batches, until, users, views } from "../../packages/feature-store/test/pushes.ts";
import { runChild } from "../../packages/feature-store/test/run-child.ts";
import { isThere, startRedis } from "./server.ts";

const child = fileURLToPath(new URL("../../packages/feature-store/test/push-child.ts", import.meta.url));

/** Runs the child until it has said `lines` lines, then kills it in the midst of the next, or to its end. @returns the batches done */
async function run(
  url: string,
  { from, lines, name }: { readonly from: number; readonly lines: number; readonly name: string },
): Promise<number> {
  return Number(await runChild(child, ["redis", url, String(from), name], lines));
}

describe.skipIf(!isThere && process.env["CI"] === undefined).each(["clicks", "taps"] as const)(
  "pushes of %s to Redis",
  (name) => {
    it("count each event once, whenever who pushes is killed", async () => {
      await using server = await startRedis();
      let done = 0;
      for (const lines of [1, 9, 4]) {
        // As a source that delivers at least once does: from a while before what was acknowledged.
        const reached = await run(server.url, { from: Math.max(0, done - 3), lines, name });
        expect(reached).toBeGreaterThan(0);
        done = Math.max(done, reached);
      }
      // Two at once, for the rest and for all of it, of which the one is killed.
      await Promise.all([
        run(server.url, { from: done, lines: Infinity, name }),
        run(server.url, { from: 0, lines: 20, name }),
      ]);
      const view = views[name];
      const clock = batchClock();
      await using pushed = createFeatureStore({ views: [view], online: redis({ url: server.url }), clock });
      await using fresh = createFeatureStore({ views: [view], clock });
      for (const [i, batch] of batches.entries()) {
        clock.toBatch(i);
        expect(await fresh.push(view, batch)).toMatchObject({ accepted: batch.length });
      }
      const request = { entities: users, features: [`${name}:*`], at: until } as const;
      const rows = (await pushed.read(request as never)) as Readings[];
      expect(rows).toEqual(await fresh.read(request as never));
      const counted = rows.map((row) => Number(row[`${name}:count_10m`]?.value ?? 0));
      const inWindow = batches.flat().filter(({ at }) => (at as Date).getTime() > 0);
      expect(counted.reduce((total, each) => total + each, 0)).toBe(inWindow.length);
    });
  },
);
