import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";

const child = fileURLToPath(new URL("./resume-child.ts", import.meta.url));
const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** Runs the child until it ends, or kills it without warning once it has said `killAt`. */
async function train(kind: string, folder: string, workers: number, killAt?: number): Promise<void> {
  const process_ = spawn(process.execPath, [...process.execArgv, child, kind, folder, String(workers)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  process_.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  let said = "";
  process_.stdout.on("data", (chunk: Buffer) => {
    said += chunk.toString();
    if (killAt !== undefined && said.split("\n").includes(String(killAt))) process_.kill("SIGKILL");
  });
  const code = await new Promise<number | null>((resolve) => process_.on("close", resolve));
  if (killAt === undefined && code !== 0) throw new Error(errors);
}

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-resume-"));
  folders.push(folder);
  return folder;
}

describe("training killed and resumed", () => {
  it.each([
    ["trees", [3, 20]],
    ["mlp", [1, 6]],
    ["logistic", [2, 5]],
  ])("%s ends in the bits of an uninterrupted run", async (kind, kills) => {
    const straight = await newFolder();
    await train(kind, straight, 1);
    const broken = await newFolder();
    for (const killAt of kills) await train(kind, broken, 2, killAt);
    expect(existsSync(join(broken, "model.json"))).toBe(false);
    expect(existsSync(join(broken, "run"))).toBe(true);
    await train(kind, broken, 2);
    expect(await readFile(join(broken, "model.json"), "utf8")).toBe(
      await readFile(join(straight, "model.json"), "utf8"),
    );
  });
});
