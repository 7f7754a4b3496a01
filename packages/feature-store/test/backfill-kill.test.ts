import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { createFeatureStore } from "../src/index.ts";
import { lmdb } from "../src/online/lmdb.ts";
import { sqlite } from "../src/online/sqlite.ts";
import { cars, steps, trips, tripsBefore } from "./trips.ts";

const child = fileURLToPath(new URL("./backfill-child.ts", import.meta.url));
const until = steps.at(-1) as number;

/** Runs the child until some milliseconds after it has said `lines` lines, then kills it, or to its end. */
async function run(kind: string, path: string, lines: number, delayMs = 0): Promise<string> {
  const args = [...process.execArgv, child, kind, path];
  const running = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  running.stdout.on("data", (text: Buffer) => {
    const before = said.split("\n").length;
    said += text.toString();
    if (before <= lines && said.split("\n").length > lines) setTimeout(() => running.kill("SIGKILL"), delayMs);
  });
  await once(running, "close");
  return said;
}

it.each(["sqlite", "lmdb"])("serves one whole copy on %s wherever a backfill is killed", async (kind) => {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-backfill-kill-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "online");
  const open = () => (kind === "lmdb" ? lmdb({ path }) : sqlite({ path }));
  await using fresh = createFeatureStore({ views: [trips] });
  await fresh.materialize(trips, { until });
  const request = { entities: cars, features: ["trips:*"], at: until } as const;
  const newer = await fresh.read(request);
  {
    await using store = createFeatureStore({ views: [tripsBefore], online: open() });
    await store.materialize(tripsBefore, { until });
  }

  let writes = 0;
  for (const [lines, delayMs] of [
    [1, 0],
    [2, 5],
    [3, 2],
  ] as const) {
    const said = await run(kind, path, lines, delayMs);
    writes += said.split("\n").length - 1;
    await using store = createFeatureStore({ views: [trips], previous: [tripsBefore], online: open() });
    const rows = await store.read(request);
    const last = rows.map((row) => row["trips:last"]);
    expect(last).toEqual(newer.map((row) => row["trips:last"]));
    const flipped = rows[0]?.["trips:count_20m"].status === "PRESENT";
    expect(rows.every((row) => (row["trips:count_20m"].status === "PRESENT") === flipped)).toBe(true);
    expect(said.includes("flipped") && !flipped).toBe(false);
  }
  const said = await run(kind, path, Infinity);
  expect(said).toContain("flipped");
  expect(writes).toBeGreaterThan(3);
  await using store = createFeatureStore({ views: [trips], previous: [tripsBefore], online: open() });
  expect(await store.read(request)).toEqual(newer);
  const { removed } = await store.removeRetired(trips, { graceMs: 0 });
  // One that was killed after its flip was done again, into another copy.
  const [before, after] = [tripsBefore, trips].map(({ version }) => version.slice(0, 16));
  const others = removed.filter(({ version }) => version !== after);
  expect(others).toEqual([{ version: before, generation: 0 }]);
  expect(await store.removeRetired(trips, { graceMs: 0 })).toEqual({ removed: [], kept: [] });
  expect(await store.read(request)).toEqual(newer);
});
