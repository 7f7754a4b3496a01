import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { requestsIn } from "./file-sink.ts";

const child = fileURLToPath(new URL("./log-child.ts", import.meta.url));

/** Kills the child some milliseconds after it has said its third line. @returns how many reads it said were logged */
async function run(folder: string, name: string, mode: string, delayMs: number): Promise<number> {
  const args = [...process.execArgv, child, folder, name, mode];
  const running = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  running.stdout.on("data", (text: Buffer) => {
    const before = said;
    said += text.toString();
    if (before.split("\n").length <= 3 && said.split("\n").length > 3)
      setTimeout(() => running.kill("SIGKILL"), delayMs);
  });
  await once(running, "close");
  return Number(said.trimEnd().split("\n").at(-1));
}

it.each([
  ["that a flush resolved for", "flush", [0, 4, 11, 23]],
  ["that was answered, by a log that is waited for", "sync", [0, 7]],
] as const)("has every read %s, once, after kill -9", { timeout: 60_000 }, async (_, mode, delays) => {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-log-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [i, delayMs] of delays.entries()) {
    const said = await run(folder, `run ${i}`, mode, delayMs);
    expect(said).toBeGreaterThan(0);
    const rows = requestsIn(folder).filter((name) => name.startsWith(`run ${i}/`));
    const requests = new Set(rows);
    for (let read = 0; read < said; read++) expect(requests.has(`run ${i}/${read}`)).toBe(true);
    // Two entities a read; the last read may be torn between two batches, none is there twice.
    expect(rows.length).toBeLessThanOrEqual(2 * requests.size);
    expect(rows.length).toBeGreaterThanOrEqual(2 * said);
    // What the sink has beyond what was spoken of is a beginning of what followed, without gaps.
    const reads = [...requests].map((name) => Number(name.split("/")[1])).sort((a, b) => a - b);
    expect(reads).toEqual(reads.map((_, at) => at));
  }
});
