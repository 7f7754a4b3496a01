import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { createFeatureStore } from "../src/index.ts";
import { lmdb } from "../src/online/lmdb.ts";
import { sqlite } from "../src/online/sqlite.ts";
import { cars, steps, trips, tripsBefore } from "./trips.ts";

const child = fileURLToPath(new URL("./materialize-child.ts", import.meta.url));
const until = steps.at(-1) as number;
const request = { entities: cars, features: ["trips:*"], at: until } as const;

interface Case {
  readonly kind: "sqlite" | "lmdb";
  readonly of: "windows" | "columns";
}

/** Runs the child until it has said `lines` lines, then kills it, or to its end. */
async function run({ kind, of }: Case, path: string, lines: number): Promise<string> {
  const args = [...process.execArgv, child, kind, path, of];
  const running = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  running.stdout.on("data", (text: Buffer) => {
    said += text.toString();
    if (said.split("\n").length > lines) running.kill("SIGKILL");
  });
  await once(running, "close");
  return said;
}

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "ashlar-kill-"));
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  return made;
}

const cases: readonly Case[] = [
  { kind: "sqlite", of: "windows" },
  { kind: "lmdb", of: "windows" },
  { kind: "lmdb", of: "columns" },
];

describe.each(cases)("materialisation of $of to $kind", { timeout: 60_000 }, (each) => {
  const open = (path: string) => (each.kind === "lmdb" ? lmdb({ path }) : sqlite({ path }));
  const view = each.of === "columns" ? tripsBefore : trips;

  /** What a store that was never disturbed has. */
  async function undisturbed(): Promise<unknown> {
    await using fresh = createFeatureStore({ views: [view] });
    await fresh.materialize(view, { until });
    return await fresh.read(request);
  }

  it("resumes after kill -9 to what an undisturbed run has", async () => {
    const path = join(await folder(), "online");
    for (const lines of each.kind === "lmdb" ? [2, 7] : [1, 4, 9]) {
      const said = await run(each, path, lines);
      await using store = createFeatureStore({ views: [view], online: open(path) });
      // Every step the child spoke of was durable before it was killed.
      expect(await store.watermark(view)).toBeGreaterThanOrEqual(Number(said.trim().split("\n").at(-1)));
    }
    await run(each, path, Infinity);
    await using resumed = createFeatureStore({ views: [view], online: open(path) });
    expect(await resumed.watermark(view)).toBe(until);
    expect(await resumed.read(request)).toEqual(await undisturbed());
  });

  it("comes to the same when two do it at once, and one is killed", async () => {
    const path = join(await folder(), "online");
    await Promise.all([run(each, path, Infinity), run(each, path, 12)]);
    await using store = createFeatureStore({ views: [view], online: open(path) });
    expect(await store.watermark(view)).toBe(until);
    expect(await store.read(request)).toEqual(await undisturbed());
  });
});
