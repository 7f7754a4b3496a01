import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAshlarError, toBytes } from "@ashlar/core";
import { type ArtifactStore, createArtifactStore } from "@ashlar/storage/artifact";
import { fileSystem, type FileSystemStore } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { batchFrom, type LakeTable, openLake } from "@ashlar/storage/lake";
import { afterAll, describe, expect, it } from "vitest";
import { mountSmall } from "./mount.ts";
import { rowsOf } from "../../packages/storage/test/rows.ts";

const mounted = mountSmall(4 * 1024 * 1024);
const skipped = "reason" in mounted ? mounted.reason : undefined;
const page = 4096;

/** A table, an object and an artifact store, in one store. */
interface Opened extends AsyncDisposable {
  readonly store: FileSystemStore;
  readonly table: LakeTable;
  readonly artifacts: ArtifactStore;
}

async function open(root: string): Promise<Opened> {
  const store = fileSystem({ root });
  const table = await openLake({ objects: store, codec: hyparquet() }).table("t");
  const artifacts = createArtifactStore({ objects: store });
  return { store, table, artifacts, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

const rows = (from: number, count: number): ReturnType<typeof batchFrom> =>
  batchFrom({
    n: ["long", Array.from({ length: count }, (_, i) => BigInt(from + i))],
    s: ["string", Array.from({ length: count }, (_, i) => `${Math.sin(from + i)}`)],
  });
const content = Uint8Array.from({ length: 50_000 }, (_, i) => (i * 31 + (i >> 7)) & 0xff);

async function numbers(table: LakeTable): Promise<number[]> {
  return (await rowsOf(table.scan())).map(({ n }) => Number(n)).sort((a, b) => a - b);
}

const upload = async ({ artifacts }: Opened): Promise<unknown> => {
  const begun = await artifacts.createUpload();
  await begun.putPart(1, content.subarray(0, 30_000));
  await begun.putPart(2, content.subarray(30_000));
  return begun.complete();
};
const before = Array.from({ length: 20 }, (_, n) => n);

/** What is done, and what the table holds when it was. */
const operations: Readonly<
  Record<string, readonly [act: (opened: Opened) => Promise<unknown>, after: readonly number[]]>
> = {
  put: [({ store }) => store.put("k", content), before],
  "put ifAbsent": [({ store }) => store.put("new", content, { ifAbsent: true }), before],
  // The tenth version, after which a checkpoint is due.
  append: [
    ({ table }) => table.append(rows(100, 2000)),
    [...before, ...Array.from({ length: 2000 }, (_, i) => 100 + i)],
  ],
  update: [
    ({ table }) => table.update({ where: { n: 3 }, set: { n: 1000n } }),
    [...before.filter((n) => n !== 3), 1000],
  ],
  optimize: [({ table }) => table.optimize(), before],
  checkpoint: [({ table }) => table.checkpoint(), before],
  artifact: [({ artifacts }) => artifacts.putBlob(content), before],
  upload: [upload, before],
};

/** Leaves so many pages free, by a file that takes all others. */
function fill(folder: string, pages: number): string {
  const ballast = join(folder, "ballast");
  const free = statfsSync(folder).bavail - pages;
  writeFileSync(ballast, new Uint8Array(Math.max(0, free) * page));
  return ballast;
}

describe.skipIf("reason" in mounted)(`a disk that is full (${skipped ?? "mounted"})`, () => {
  const folder = "folder" in mounted ? mounted.folder : "";
  const original = mkdtempSync(join(tmpdir(), "ashlar-full-"));
  afterAll(() => {
    rmSync(original, { recursive: true, force: true });
    if ("folder" in mounted) mounted[Symbol.dispose]();
  });

  it("is filled by a table, an object and an artifact store", async () => {
    await using made = await open(original);
    for (let n = 0; n < 10; n++) await made.table.append(rows(n * 2, 2));
    await made.store.put("k", content.subarray(0, 100));
    expect(await numbers(made.table)).toEqual(before);
  });

  it.each(Object.entries(operations))(
    "is named by %s, however little room there is, and nothing is lost or half there",
    async (_, [act, after]) => {
      const outcomes: string[] = [];
      for (let pages = 0; pages < 120 && outcomes.at(-1) !== "done"; pages += pages < 16 ? 1 : 4) {
        const root = join(folder, `root-${pages}`);
        mkdirSync(root);
        cpSync(original, root, { recursive: true });
        const ballast = fill(folder, pages);
        await using opened = await open(root);
        const outcome = await act(opened).then(
          () => "done",
          (error: unknown) => (isAshlarError(error) ? error.code : String(error)),
        );
        outcomes.push(outcome);
        const held = await numbers((await open(root)).table);
        expect([JSON.stringify(before), JSON.stringify(after)]).toContain(JSON.stringify(held));
        expect(outcome !== "done" || JSON.stringify(held) === JSON.stringify(after)).toBe(true);
        expect(readdirSync(join(root, ".ashlar", "staging"))).toEqual([]);
        // Once there is room, the same store and a new one go on.
        rmSync(ballast);
        const found = await opened.store.head("k");
        expect([100, content.byteLength]).toContain(found?.size);
        await opened.table.append(rows(5000, 1));
        await upload(opened);
        const { digest } = await opened.artifacts.putBlob(content);
        expect(Buffer.compare(await toBytes(await opened.artifacts.getBlob(digest)), content)).toBe(0);
        expect(await numbers((await open(root)).table)).toEqual([...held, 5000].sort((a, b) => a - b));
        rmSync(root, { recursive: true });
      }
      expect(new Set(outcomes)).toEqual(new Set(["STORAGE_FULL", "done"]));
    },
    120_000,
  );
});
