import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { expect, it } from "vitest";
import { scratchFolder } from "./scratch.ts";

it("removes what killed processes left, and nothing of the living or of others", async () => {
  const parent = mkdtempSync(join(tmpdir(), "ashlar-scratch-"));
  try {
    const { pid: dead } = spawnSync(process.execPath, ["-e", ""]);
    const kept = [`ashlar-duckdb-${process.pid}-own`, "ashlar-duckdb-", "other-1-x"];
    for (const name of [...kept, `ashlar-duckdb-${dead}-left`]) mkdirSync(join(parent, name));
    const folder = await scratchFolder(parent);
    expect(existsSync(folder)).toBe(true);
    expect(readdirSync(parent).toSorted()).toEqual([...kept, basename(folder)].toSorted());
  } finally {
    rmSync(parent, { recursive: true });
  }
});
