import { strictEqual } from "node:assert";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileSystem } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { batchFrom, type LakeTable, openLake } from "@ashlar/storage/lake";
import { perSecond, type Suite } from "./harness.ts";
import { deltaRs, hasDeltaRs } from "./peers/delta-rs.ts";

const commits = 40;

/** The log of tables with many files and many versions: a first read, and what one more commit costs. */
export const lakeLog: Suite = async ({ folder, pair }) => {
  const objects = fileSystem({ root: folder });
  await using codec = hyparquet();
  const open = (name: string): Promise<LakeTable> => openLake({ objects, codec }).table(name);
  const lake = openLake({ objects, codec });
  const files = 100_000;
  await writeLog(join(folder, "wide"), { versions: 1, files });
  await writeLog(join(folder, "long"), { versions: 10_000, files: 1 });
  await writeLog(join(folder, "short"), { versions: 11, files: 1 });
  for (const name of ["wide", "long", "short"]) await (await open(name)).checkpoint();

  if (hasDeltaRs) {
    await pair({
      name: "first read of a table of 100,000 files",
      unit: "ms",
      peerName: "delta-rs, DeltaTable and its paths",
      higherIsBetter: false,
      ours: async () => {
        const start = performance.now();
        strictEqual((await (await open("wide")).localFiles())?.length, files);
        return performance.now() - start;
      },
      peer: async () => 1000 * (await deltaRs("open", join(folder, "wide"), String(files))),
    });
  }
  const row = batchFrom({ n: ["long", [1n]] });
  const [wide, long, short] = [await lake.table("wide"), await lake.table("long"), await lake.table("short")];
  const append = (table: LakeTable) => async () => {
    const figure = await perSecond(commits, async () => {
      for (let n = 0; n < commits; n++) await table.append(row);
    });
    // The last checkpoint of a large table is still being written, and belongs to no other round.
    await lake.settled();
    return figure;
  };
  const shared = { unit: "commits/s", peerName: "the same at version 10, of 10 files" };
  await pair({
    ...shared,
    name: "append a row at version 10,000, of 10,000 files",
    ours: append(long),
    peer: append(short),
  });
  await pair({ ...shared, name: "append a row to a table of 100,000 files", ours: append(wide), peer: append(short) });
};

/** A log as a writer of no data would leave it: each version adds files that nobody reads here. */
async function writeLog(table: string, { versions, files }: { versions: number; files: number }): Promise<void> {
  const log = join(table, "_delta_log");
  await mkdir(log, { recursive: true });
  const fields = [{ name: "n", type: "long", nullable: true, metadata: {} }];
  const metaData = {
    id: crypto.randomUUID(),
    format: { provider: "parquet", options: {} },
    schemaString: JSON.stringify({ type: "struct", fields }),
    partitionColumns: [],
    configuration: {},
    createdTime: Date.now(),
  };
  const add = (n: number): object => ({
    add: {
      path: `part-00000-${crypto.randomUUID()}.c000.parquet`,
      partitionValues: {},
      size: 123_456,
      modificationTime: Date.now(),
      dataChange: true,
      stats: JSON.stringify({ numRecords: 1000, minValues: { n }, maxValues: { n: n + 1000 }, nullCount: { n: 0 } }),
    },
  });
  for (let version = 0; version < versions; version++) {
    const creation = version === 0 ? [{ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }, { metaData }] : [];
    const actions = [...creation, ...Array.from({ length: files }, (_, n) => add(version * files + n))];
    const text = actions.map((action) => `${JSON.stringify(action)}\n`).join("");
    await writeFile(join(log, `${String(version).padStart(20, "0")}.json`), text);
  }
}
