import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { duckdb } from "@ashlar/storage/duckdb";
import { fileSystem } from "@ashlar/storage/file-system";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { batchFrom, openLake } from "@ashlar/storage/lake";

// Prints, as JSON, how long row operations take on a table of local files: seconds, and commits a second.
const root = await mkdtemp(join(tmpdir(), "ashlar-measure-"));
const figures: Record<string, number> = {};
const timed = async (what: string, work: () => Promise<unknown>): Promise<void> => {
  const start = performance.now();
  await work();
  figures[what] = Math.round(performance.now() - start) / 1000;
};
const rows = (from: number, count: number): ReturnType<typeof batchFrom> => {
  const numbers = Array.from({ length: count }, (_, i) => from + i);
  return batchFrom({
    id: ["long", numbers.map(BigInt)],
    name: ["string", numbers.map((n) => `row ${n}`)],
    value: ["double", numbers.map((n) => n / 7)],
  });
};

try {
  const objects = fileSystem({ root });
  const commits = 200;
  for (const codec of [hyparquet(), duckdb()]) {
    await using parquet = codec;
    const table = await openLake({ objects, codec: parquet }).table(`small-${parquet.name}`);
    const start = performance.now();
    for (let n = 0; n < commits; n++) await table.append(rows(n * 10, 10));
    figures[`commits of 10 rows a second, ${parquet.name}`] =
      Math.round((commits * 1e6) / (performance.now() - start)) / 1000;
  }
  await using codec = duckdb();
  const table = await openLake({ objects, codec }).table("large");
  const million = Array.from({ length: 16 }, (_, i) => rows(i * 65_536, 65_536));
  const updates = rows(500_000, 10_000);
  await timed("append 1,048,576 rows", () => table.append(million));
  await timed("merge 10,000 rows into them", () => table.merge(updates, { on: ["id"] }));
  await timed("update 1,000 of them", () => table.update({ where: { id: { lt: 1000 } }, set: { value: 0 } }));
  await timed("delete 1,000 of them", () => table.delete({ where: { id: { lt: 1000 } } }));
  await timed("Z-order them by two columns", () => table.optimize({ zOrderBy: ["id", "value"] }));
  process.stdout.write(`${JSON.stringify(figures, undefined, 2)}\n`);
} finally {
  await rm(root, { recursive: true, force: true });
}
