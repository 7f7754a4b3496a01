import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileSystem } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { batchFrom, type LakeTable, openLake } from "@ashlar/storage/lake";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { killed } from "./killed.ts";
import { valuesOf } from "./rows.ts";

const open = (root: string): Promise<LakeTable> =>
  openLake({ objects: fileSystem({ root }), codec: hyparquet() }).table("t", { partitionBy: ["part"] });

const before = [1n, 2n, 3n, 4n, 5n, 6n];
const after = {
  update: [1n, 2n, 100n, 100n, 100n, 100n],
  merge: [2n, 3n, 4n, 5n, 6n, 50n, 51n],
  optimize: before,
  overwrite: [2n, 4n, 6n, 7n],
  restore: [1n, 2n, 3n],
} as const;

/** Before and after each change of the store, in turn. */
const killAt = (step: number): [string, string] => [String(1 + (step >> 1)), step % 2 === 0 ? "before" : "after"];

describe("an operation killed at any change of the store", () => {
  let root = "";
  let original = "";
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "ashlar-kill-"));
    original = join(root, "original");
    const table = await open(original);
    for (const n of [before.slice(0, 3), before.slice(3)]) {
      const part = n.map((one) => (one % 2n === 0n ? "even" : "odd"));
      await table.append(batchFrom({ n: ["long", n], part: ["string", part] }));
    }
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  it.each(["update", "merge", "optimize", "overwrite", "restore"] as const)(
    "leaves the table as it was, or as %s makes it",
    { timeout: 120_000 },
    async (operation) => {
      const outcomes = new Set<string>();
      for (let step = 0; step < 24; step++) {
        const folder = join(root, `${operation}-${step}`);
        await cp(original, folder, { recursive: true });
        const died = await killed("kill-operation.ts", folder, operation, ...killAt(step));
        const table = await open(folder);
        const { version } = await table.snapshot();
        expect(await valuesOf(table.scan(), "n")).toEqual(version === 1 ? before : after[operation]);
        outcomes.add(`${died ? "killed" : "done"} at ${version}`);
        // What the dead process left does not stand in the way.
        await table.append(batchFrom({ n: ["long", [9n]], part: ["string", ["odd"]] }));
        expect(await valuesOf(table.scan({ where: { n: 9 } }), "n")).toEqual([9n]);
        if (!died) break;
      }
      expect([...outcomes].sort()).toEqual(["done at 2", "killed at 1", "killed at 2"]);
    },
  );

  it.each(["checkpoint", "vacuum"] as const)(
    "changes no row however far %s has come, and the next one ends its work",
    { timeout: 120_000 },
    async (operation) => {
      const grown = join(root, `grown-${operation}`);
      await cp(original, grown, { recursive: true });
      // Garbage for the vacuum, and entries enough for a clean-up: they are older than they are kept.
      const table = await open(grown);
      await table.update({ where: { n: { gte: 3 } }, set: { n: 100n } });
      await table.alter({ properties: { "delta.logRetentionDuration": "interval 0 seconds" } });
      let died = true;
      let kills = 0;
      for (let step = 0; died && step < 24; step++) {
        const folder = join(root, `${operation}-${step}`);
        await cp(grown, folder, { recursive: true });
        died = await killed("kill-operation.ts", folder, operation, ...killAt(step));
        kills += Number(died);
        const left = await open(folder);
        expect(await valuesOf(left.scan(), "n")).toEqual(after.update);
        expect((await left.snapshot()).version).toBe(3);
        await (operation === "vacuum" ? left.vacuum({ retention: 0, force: true }) : left.checkpoint());
        const { files } = await left.vacuum({ retention: 0, force: true, dryRun: true });
        expect(operation === "vacuum" ? files : 0).toBe(0);
        await left.append(batchFrom({ n: ["long", [9n]], part: ["string", ["odd"]] }));
        expect(await valuesOf((await open(folder)).scan(), "n")).toEqual([1n, 2n, 9n, ...after.update.slice(2)]);
      }
      expect([died, kills > 1]).toEqual([false, true]);
    },
  );
});
