import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fileSystem } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { openLake } from "@ashlar/storage/lake";
import { expect, it, onTestFinished } from "vitest";
import { batchFrom } from "../src/parquet/batch-from.ts";

// Far longer than a commit or a read takes here, and far shorter than the run: files do get deleted meanwhile.
const retention = "2000";
const rows = 240;

it("vacuums beside a writer and a reader in three processes: no row is lost, and no read fails", async () => {
  const root = await mkdtemp(join(tmpdir(), "ashlar-vacuum-"));
  const children: ChildProcess[] = [];
  onTestFinished(async () => {
    for (const child of children) child.kill("SIGKILL");
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  });
  const start = (script: string, ...args: readonly string[]): ChildProcess => {
    const path = fileURLToPath(new URL(script, import.meta.url));
    const child = fork(path, [root, ...args], { execArgv: process.execArgv, stdio: "inherit" });
    children.push(child);
    return child;
  };
  const table = await openLake({ objects: fileSystem({ root }), codec: hyparquet() }).table("t");
  await table.append(batchFrom({ n: ["long", [0n]] }));

  const vacuums = [start("./vacuum-loop.ts", retention), start("./vacuum-loop.ts", retention)];
  let deleted = 0;
  for (const child of vacuums) child.on("message", (files: number) => (deleted += files));
  await Promise.all(vacuums.map((child) => once(child, "message")));
  const writer = start("./churn-loop.ts", String(rows));
  let written = 0;
  writer.on("message", (n: number) => (written = n));
  const ended = once(writer, "exit");

  let reads = 0;
  for (; writer.exitCode === null && reads < 10_000; reads++) {
    const acknowledged = written;
    const seen = await numbers(table.scan());
    // A row of three is there until it is deleted, which may not have been acknowledged.
    for (let n = 1; n <= acknowledged; n++) expect(n % 3 === 0 || seen.has(n)).toBe(true);
  }
  expect(await ended).toEqual([0, null]);
  const stopped = vacuums.map((child) => once(child, "exit"));
  // Once more when all of it is old enough.
  await new Promise((resolve) => setTimeout(resolve, Number(retention)));
  for (const child of vacuums) child.send("stop");
  expect(await Promise.all(stopped)).toEqual([
    [0, null],
    [0, null],
  ]);
  const seen = await numbers(table.scan());
  expect([...seen].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: rows + 1 }, (_, n) => n).filter((n) => n === 0 || n % 3 !== 0),
  );
  expect(reads).toBeGreaterThan(5);
  expect(deleted).toBeGreaterThan(20);
}, 120_000);

async function numbers(batches: AsyncIterable<Iterable<{ toJSON(): unknown }>>): Promise<Set<number>> {
  const seen = new Set<number>();
  for await (const batch of batches) for (const row of batch) seen.add(Number((row.toJSON() as { n: bigint }).n));
  return seen;
}
