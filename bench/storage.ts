import { strictEqual } from "node:assert";
import { join } from "node:path";
import { sourceOfFile } from "@ashlar/storage";
import { duckdb } from "@ashlar/storage/duckdb";
import { fileSystem } from "@ashlar/storage/file-system";
import { between, type LakeTable, notNull, openLake, type ScanOptions } from "@ashlar/storage/lake";
import { bareDuckDb, writeFlights } from "./flights.ts";
import { perSecond, type Suite } from "./harness.ts";

/** A Delta table of flights by month, against the same Parquet files written and read by DuckDB alone. */
export const storage: Suite = async ({ rows, folder, pair }) => {
  const file = join(folder, "flights.parquet");
  await writeFlights(file, rows);
  await using codec = duckdb();
  using bare = await bareDuckDb();
  const lake = openLake({ objects: fileSystem({ root: join(folder, "lake") }), codec });

  let round = 0;
  const expect = [notNull("date"), between("delay", -1500, 3000)];
  const append = async (): Promise<LakeTable> => {
    await using reader = await codec.open(await sourceOfFile(file));
    const table = await lake.table(`flights-${round++}`, { partitionBy: ["month"] });
    strictEqual((await table.append(reader.scan(), { expect })).rows, rows);
    return table;
  };
  const copy = async (): Promise<string> => {
    const target = join(folder, `copy-${round++}`);
    const options = "FORMAT parquet, COMPRESSION zstd, PARTITION_BY (month)";
    await bare.run(
      `COPY (FROM '${file}' WHERE date IS NOT NULL AND delay BETWEEN -1500 AND 3000) TO '${target}' (${options})`,
    );
    return target;
  };
  await pair({
    name: `append ${rows / 1e6} M flights by month, two expectations`,
    unit: "rows/s",
    peerName: "DuckDB COPY, same files, no commit",
    rounds: 3,
    ours: () => perSecond(rows, append),
    peer: () => perSecond(rows, copy),
  });

  const table = await append();
  const hive = `read_parquet('${await copy()}/*/*.parquet', hive_partitioning = true)`;
  const all = (await bare.sum(`SELECT delay FROM ${hive}`)).rows;
  strictEqual(all, rows);
  const columns = ["delay", "distance", "date", "origin", "destination"];
  await pair({
    name: "scan five columns of it",
    unit: "rows/s",
    peerName: "DuckDB read_parquet, streamed to JS",
    rounds: 3,
    ours: () => perSecond(rows, () => sum(table, { columns })),
    peer: () => perSecond(rows, () => bare.sum(`SELECT ${columns.join(", ")} FROM ${hive}`)),
  });

  const month = "2001-01";
  const pruned = { columns: ["delay", "origin"], where: { month } } as const;
  const query = `SELECT delay, origin FROM ${hive} WHERE month = '${month}'`;
  const [ours, peer] = [await sum(table, pruned), await bare.sum(query)];
  strictEqual(ours, peer.sum);
  await pair({
    name: "scan two columns of one month, pruned",
    unit: "rows/s",
    peerName: "DuckDB read_parquet, same pruning",
    ours: () => perSecond(peer.rows, () => sum(table, pruned)),
    peer: () => perSecond(peer.rows, () => bare.sum(query)),
  });
};

async function sum(table: LakeTable, options: ScanOptions): Promise<number> {
  let total = 0;
  for await (const batch of table.scan(options)) {
    for (const value of batch.getChildAt(0)?.toArray() ?? []) total += Number(value);
  }
  return total;
}
