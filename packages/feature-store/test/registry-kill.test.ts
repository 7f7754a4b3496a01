import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { createFeatureRegistry, sqlite } from "../src/registry/index.ts";
import { generation } from "./generations.ts";

const child = fileURLToPath(new URL("./registry-child.ts", import.meta.url));

/** Kills the child some milliseconds after it has said its second line: anywhere in its work. */
async function run(path: string, delayMs: number): Promise<number> {
  const running = spawn(process.execPath, [...process.execArgv, child, path], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  running.stdout.on("data", (text: Buffer) => {
    const before = said;
    said += text.toString();
    if (before.split("\n").length <= 2 && said.split("\n").length > 2)
      setTimeout(() => running.kill("SIGKILL"), delayMs);
  });
  await once(running, "close");
  return Number(said.trimEnd().split("\n").at(-1));
}

it("has a plan applied whole or not at all after kill -9", { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-registry-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "registry.db");
  for (const delayMs of [0, 3, 7, 12, 20]) {
    const said = await run(path, delayMs);
    await using registry = createFeatureRegistry({ database: sqlite({ path }) });
    const revision = await registry.revision();
    // What it spoke of was durable; what it did not live to speak of may be.
    expect([said, said + 1]).toContain(revision);
    const views = generation(revision);
    const { items } = await registry.search({ tag: `generation ${revision}` });
    expect(new Set(items.map(({ version }) => version))).toEqual(new Set(views.map(({ version }) => version)));
    expect((await registry.plan({ views })).changes).toEqual([]);
    expect((await registry.versions("view", "view_7")).map((entry) => entry.revision)).toEqual(
      Array.from({ length: revision }, (_, i) => revision - i),
    );
  }
});
