import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { writeYears } from "./flights.ts";
import type { Suite } from "./harness.ts";
import type { LargeJoin } from "./join-large-child.ts";

/** What the process may take: 1 GB of DuckDB, a million labels with their features, and what Node takes by itself. */
const mostMB = 1_800;

/**
 * One label to three rows of flights, and ten times as many, written part by part: DuckDB may use 1 GB before it spills. Each in
 * a process of its own, once, since one takes a minute; nothing is kept.
 *
 * @throws when the process took more memory than is stated
 */
export const largeJoins: Suite = async ({ rows, folder, pair }) => {
  const ours: LargeJoin[] = [];
  const bare: LargeJoin[] = [];
  for (const times of [1, 10]) {
    const [source, labels] = [join(folder, `source-${times}.parquet`), join(folder, `labels-${times}.parquet`)];
    await writeYears(source, 3 * rows * times);
    await writeYears(labels, rows * times);
    bare.push(await inChild("bare", source, labels, rows * times));
    ours.push(await inChild("ours", source, labels, rows * times));
  }
  const figures = async (
    name: string,
    unit: string,
    higherIsBetter: boolean,
    of: (small: LargeJoin, large: LargeJoin) => number,
  ): Promise<void> => {
    const [ourFigure, peerFigure] = [ours, bare].map(([small, large]) => of(small as LargeJoin, large as LargeJoin));
    const told = { name, unit, higherIsBetter, rounds: 1, peerName: "DuckDB ASOF LEFT JOIN of the same files, 1 GB" };
    await pair({ ...told, ours: async () => ourFigure as number, peer: async () => peerFigure as number });
  };
  const name = `join ${(10 * rows) / 1e6} M labels to ${(30 * rows) / 1e6} M rows, duckdb(), 1 GB, nothing kept`;
  await figures(name, "labels/s", true, (_, { seconds }) => (10 * rows) / seconds);
  await figures(`${name}, by processor time`, "labels/s", true, (_, { cpuSeconds }) => (10 * rows) / cpuSeconds);
  await figures(`${name}, peak memory of the process`, "MB", false, (_, { peakMB }) => peakMB);
  const byClock = (small: LargeJoin, large: LargeJoin): number => large.seconds / small.seconds;
  const byCpu = (small: LargeJoin, large: LargeJoin): number => large.cpuSeconds / small.cpuSeconds;
  await figures("what ten times the rows cost", "times", false, byClock);
  await figures("what ten times the rows cost, by processor time", "times", false, byCpu);
  const peakMB = Math.max(...ours.map((each) => each.peakMB));
  if (peakMB > mostMB) throw new Error(`the process took ${peakMB} MB, and may take ${mostMB}`);
};

async function inChild(way: "ours" | "bare", source: string, labels: string, rows: number): Promise<LargeJoin> {
  const child = fileURLToPath(new URL("./join-large-child.ts", import.meta.url));
  const args = [...process.execArgv, child, way, source, labels, String(rows)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as LargeJoin;
}
