import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { createFeatureStore } from "../src/index.ts";
import { sqlite } from "../src/online/sqlite.ts";
import { cars, steps, trips } from "./trips.ts";

const child = fileURLToPath(new URL("./materialize-child.ts", import.meta.url));

/** Runs the child until it has said `lines` lines, then kills it, or to its end. */
async function run(path: string, lines: number): Promise<string> {
  const running = spawn(process.execPath, [...process.execArgv, child, path], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  running.stdout.on("data", (text: Buffer) => {
    said += text.toString();
    if (said.split("\n").length > lines) running.kill("SIGKILL");
  });
  await once(running, "close");
  return said;
}

it("resumes after kill -9 to what an undisturbed run has", { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-kill-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "online.db");
  for (const lines of [1, 4, 9]) {
    const said = await run(path, lines);
    await using store = createFeatureStore({ views: [trips], online: sqlite({ path }) });
    // Every step the child spoke of was durable before it was killed.
    expect(await store.watermark(trips)).toBeGreaterThanOrEqual(Number(said.trim().split("\n").at(-1)));
  }
  await run(path, Infinity);
  const until = steps.at(-1) as number;
  await using resumed = createFeatureStore({ views: [trips], online: sqlite({ path }) });
  await using fresh = createFeatureStore({ views: [trips] });
  await fresh.materialize(trips, { until });
  const request = { entities: cars, features: ["trips:*"], at: until } as const;
  expect(await resumed.watermark(trips)).toBe(until);
  expect(await resumed.read(request)).toEqual(await fresh.read(request));
});
