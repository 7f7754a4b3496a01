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
import { batches, clicks, until, users } from "./pushes.ts";

const child = fileURLToPath(new URL("./push-child.ts", import.meta.url));

/** Runs the child until it has said `lines` lines, then kills it in the midst of the next, or to its end. @returns the batches done */
async function run(kind: string, path: string, from: number, lines: number): Promise<number> {
  const args = [...process.execArgv, child, kind, path, String(from)];
  const running = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  running.stdout.on("data", (text: Buffer) => {
    said += text.toString();
    if (said.split("\n").length > lines) running.kill("SIGKILL");
  });
  await once(running, "close");
  return Number(said.trim().split("\n").at(-1));
}

it.each(["sqlite", "lmdb"])("counts each event once, whenever who pushes to %s is killed", async (kind) => {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-push-kill-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "online");
  let done = 0;
  for (const lines of [1, 6, 17, 3]) {
    // As a source that delivers at least once does: from a while before what was acknowledged.
    const reached = await run(kind, path, Math.max(0, done - 3), lines);
    expect(reached).toBeGreaterThan(0);
    done = Math.max(done, reached);
  }
  // Two at once, for the rest and for all of it.
  await Promise.all([run(kind, path, done, Infinity), run(kind, path, 0, Infinity)]);
  await using online = kind === "lmdb" ? lmdb({ path }) : sqlite({ path });
  const pushed = createFeatureStore({ views: [clicks], online });
  await using fresh = createFeatureStore({ views: [clicks] });
  for (const batch of batches) await fresh.push(clicks, batch);
  const request = { entities: users, features: ["clicks:*"], at: until } as const;
  const rows = await pushed.read(request);
  expect(rows).toEqual(await fresh.read(request));
  const counted = rows.map((row) => row["clicks:count_10m"].value ?? 0);
  const inWindow = batches.flat().filter(({ at }) => (at as Date).getTime() > 0);
  expect(counted.reduce((total, each) => total + each, 0)).toBe(inWindow.length);
});
