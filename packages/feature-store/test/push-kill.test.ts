import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { createFeatureStore, type Readings } from "../src/index.ts";
import { lmdb } from "../src/online/lmdb.ts";
import { sqlite } from "../src/online/sqlite.ts";
import { batchClock, batches, until, users, views } from "./pushes.ts";
import { runChild } from "./run-child.ts";

const child = fileURLToPath(new URL("./push-child.ts", import.meta.url));

/** Runs the child until it has said `lines` lines, then kills it in the midst of the next, or to its end. @returns the batches done */
async function run(
  kind: string,
  path: string,
  { from, lines, name }: { readonly from: number; readonly lines: number; readonly name: string },
): Promise<number> {
  return Number(await runChild(child, [kind, path, String(from), name], lines));
}

it.each([
  ["clicks", "sqlite"],
  ["clicks", "lmdb"],
  ["taps", "sqlite"],
  ["taps", "lmdb"],
] as const)("counts each of the %s once, whenever who pushes to %s is killed", async (name, kind) => {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-push-kill-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "online");
  let done = 0;
  for (const lines of [1, 6, 17, 3]) {
    // As a source that delivers at least once does: from a while before what was acknowledged.
    const reached = await run(kind, path, { from: Math.max(0, done - 3), lines, name });
    expect(reached).toBeGreaterThan(0);
    done = Math.max(done, reached);
  }
  // Two at once, for the rest and for all of it.
  await Promise.all([done, 0].map((from) => run(kind, path, { from, lines: Infinity, name })));
  await using online = kind === "lmdb" ? lmdb({ path }) : sqlite({ path });
  const view = views[name];
  const clock = batchClock();
  const pushed = createFeatureStore({ views: [view], online, clock });
  await using fresh = createFeatureStore({ views: [view], clock });
  for (const [i, batch] of batches.entries()) {
    clock.toBatch(i);
    const { accepted } = await fresh.push(view, batch);
    expect(accepted).toBe(batch.length);
  }
  const request = { entities: users, features: [`${name}:*`], at: until } as const;
  const rows = (await pushed.read(request as never)) as Readings[];
  expect(rows).toEqual(await fresh.read(request as never));
  const counted = rows.map((row) => Number(row[`${name}:count_10m`]?.value ?? 0));
  const inWindow = batches.flat().filter(({ at }) => (at as Date).getTime() > 0);
  expect(counted.reduce((total, each) => total + each, 0)).toBe(inWindow.length);
});
