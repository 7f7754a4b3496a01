import { isAshlarError } from "@ashlar/core";
import { sourceOfObject } from "@ashlar/storage";
import { fileSystem } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { openLake } from "@ashlar/storage/lake";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";

const rows = 40_000;
const child = fileURLToPath(new URL("./written-set-child.ts", import.meta.url));

/** Kills the child when it has said so many lines. @returns its last line */
async function run(root: string, lines: number): Promise<string> {
  const running = spawn(process.execPath, [...process.execArgv, child, root], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  running.stdout.on("data", (text: Buffer) => {
    said += text.toString();
    if (said.split("\n").length > lines) running.kill("SIGKILL");
  });
  await once(running, "close");
  return said.trimEnd().split("\n").at(-1) ?? "";
}

it("shows all rows of a training set or none, in a lake and in a file, whenever its writer is killed", async () => {
  const root = await mkdtemp(join(tmpdir(), "ashlar-killed-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const objects = fileSystem({ root });
  const codec = hyparquet();
  const seen = async (): Promise<{ readonly table: number; readonly file: number | undefined }> => {
    const table = await (await openLake({ objects, codec })).table("training");
    let found = 0;
    try {
      for await (const batch of table.scan({})) found += batch.numRows;
    } catch (error) {
      // Until the first commit there is no table.
      if (!isAshlarError(error, "TABLE_NOT_FOUND")) throw error;
    }
    if ((await objects.head("set.parquet")) === undefined) return { table: found, file: undefined };
    await using reader = await codec.open(await sourceOfObject(objects, "set.parquet"));
    return { table: found, file: reader.rows };
  };
  let before = 0;
  // Eight batches of labels for the table, then eight for the file.
  for (const lines of [1, 3, 8, 9, 12, 16]) {
    expect(await run(root, lines)).toBe("part");
    const { table, file } = await seen();
    expect([before, before + rows]).toContain(table);
    expect(lines > 8 ? [before + rows] : [before, before + rows]).toContain(table);
    expect([undefined, rows]).toContain(file);
    before = table;
  }
  expect(await run(root, Infinity)).toMatch(/^done [0-9a-f]{64}$/);
  expect(await seen()).toEqual({ table: before + rows, file: rows });
});
