import { fileURLToPath } from "node:url";
import { createFeatureStore } from "@ashlar/feature-store";
import { redis } from "@ashlar/feature-store/redis";
import { describe, expect, it } from "vitest";
import { runChild } from "../../packages/feature-store/test/run-child.ts";
import { cars, steps, trips, tripsBefore } from "../../packages/feature-store/test/trips.ts";
import { isThere, startRedis } from "./server.ts";

const child = fileURLToPath(new URL("../../packages/feature-store/test/materialize-child.ts", import.meta.url));
const until = steps.at(-1) as number;
const request = { entities: cars, features: ["trips:*"], at: until } as const;

/** Runs the child until it has said `lines` lines, then kills it, or to its end. @returns the time it said last */
async function run(of: "windows" | "columns", url: string, lines: number): Promise<number> {
  return Number(await runChild(child, ["redis", url, of], lines));
}

describe.skipIf(!isThere && process.env["CI"] === undefined).each(["windows", "columns"] as const)(
  "materialisation of %s to Redis",
  (of) => {
    const view = of === "columns" ? tripsBefore : trips;

    /** What a store that was never disturbed has. */
    async function undisturbed(): Promise<unknown> {
      await using fresh = createFeatureStore({ views: [view] });
      await fresh.materialize(view, { until });
      return await fresh.read(request);
    }

    it("resumes after kill -9 to what an undisturbed run has", async () => {
      await using server = await startRedis();
      for (const lines of [1, 6]) {
        const said = await run(of, server.url, lines);
        await using store = createFeatureStore({ views: [view], online: redis({ url: server.url }) });
        expect(await store.watermark(view)).toBeGreaterThanOrEqual(said);
      }
      await run(of, server.url, Infinity);
      await using resumed = createFeatureStore({ views: [view], online: redis({ url: server.url }) });
      expect(await resumed.watermark(view)).toBe(until);
      expect(await resumed.read(request)).toEqual(await undisturbed());
    });

    it("comes to the same when two do it at once, and one is killed", async () => {
      await using server = await startRedis();
      await Promise.all([run(of, server.url, Infinity), run(of, server.url, 12)]);
      await using store = createFeatureStore({ views: [view], online: redis({ url: server.url }) });
      expect(await store.watermark(view)).toBe(until);
      expect(await store.read(request)).toEqual(await undisturbed());
    });
  },
);
