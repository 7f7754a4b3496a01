import { strictEqual } from "node:assert";
import { join } from "node:path";
import { sourceOfFile } from "@ashlar/storage";
import { duckdb } from "@ashlar/storage/duckdb";
import { fileSystem } from "@ashlar/storage/file-system";
import {
  batchFrom,
  between,
  type LakeTable,
  notNull,
  openLake,
  parquetFiles,
  type Rows,
  type ScanOptions,
} from "@ashlar/storage/lake";
import { bareDuckDb, writeFlights } from "./flights.ts";
import { perSecond, type Suite } from "./harness.ts";
import { deltaRs, hasDeltaRs } from "./peers/delta-rs.ts";

/** A Delta table of flights by month, against the same Parquet files written and read by DuckDB alone. */
export const storage: Suite = async ({ rows, folder, pair }) => {
  const file = join(folder, "flights.parquet");
  await writeFlights(file, rows);
  await using codec = duckdb();
  using bare = await bareDuckDb();
  const lake = openLake({ objects: fileSystem({ root: join(folder, "lake") }), codec });

  let round = 0;
  const expect = [notNull("date"), between("delay", -1500, 3000)];
  const taken = async (given: Rows): Promise<LakeTable> => {
    const table = await lake.table(`flights-${round++}`, { partitionBy: ["month"] });
    strictEqual((await table.append(given, { expect })).rows, rows);
    return table;
  };
  const append = async (): Promise<LakeTable> => {
    await using reader = await codec.open(await sourceOfFile(file));
    return taken(reader.scan());
  };
  const appendFile = (): Promise<LakeTable> => taken(parquetFiles(file));
  const copy = async (): Promise<string> => {
    const target = join(folder, `copy-${round++}`);
    const options = "FORMAT parquet, COMPRESSION zstd, PARTITION_BY (month)";
    await bare.run(
      `COPY (FROM '${file}' WHERE date IS NOT NULL AND delay BETWEEN -1500 AND 3000) TO '${target}' (${options})`,
    );
    return target;
  };
  await pair({
    name: `append ${rows / 1e6} M flights from a Parquet file, two expectations`,
    unit: "rows/s",
    peerName: "DuckDB COPY, no commit, not synced",
    ours: () => perSecond(rows, appendFile),
    peer: () => perSecond(rows, copy),
  });
  await pair({
    name: `append ${rows / 1e6} M flights in Arrow batches, two expectations`,
    unit: "rows/s",
    peerName: "DuckDB COPY, no row in JS, no commit",
    rounds: 3,
    ours: () => perSecond(rows, append),
    peer: () => perSecond(rows, copy),
  });

  const throughJs = async (): Promise<void> => {
    await bare.intake(`FROM '${file}'`, "taken");
    const options = "FORMAT parquet, COMPRESSION zstd, PARTITION_BY (month)";
    const wanted = "FROM taken WHERE date IS NOT NULL AND delay BETWEEN -1500 AND 3000";
    strictEqual((await bare.sum("SELECT count(*) FROM taken")).sum, rows);
    await bare.run(`COPY (${wanted}) TO '${join(folder, `js-${round++}`)}' (${options})`);
  };
  await pair({
    name: `append ${rows / 1e6} M flights in Arrow batches, two expectations`,
    unit: "rows/s",
    peerName: "DuckDB, the rows through JS, then COPY",
    rounds: 3,
    ours: () => perSecond(rows, append),
    peer: () => perSecond(rows, throughJs),
  });

  if (hasDeltaRs) {
    for (const [from, ours] of [
      ["from a Parquet file", appendFile],
      ["in Arrow batches", append],
    ] as const) {
      await pair({
        name: `append ${rows / 1e6} M flights ${from}, two expectations`,
        unit: "rows/s",
        peerName: "delta-rs, no expectations",
        rounds: 3,
        ours: () => perSecond(rows, ours),
        peer: async () => rows / (await deltaRs("append-file", join(folder, `rust-${round++}`), file)),
      });
    }
    const few = batchFrom({
      n: ["long", Array.from({ length: 10 }, (_, n) => BigInt(n))],
      s: ["string", Array.from({ length: 10 }, (_, n) => `row ${n}`)],
    });
    await pair({
      name: "append 10 rows, 100 times",
      unit: "commits/s",
      peerName: "delta-rs, not synced",
      rounds: 3,
      async ours() {
        const target = await lake.table(`few-${round++}`);
        await target.append(few);
        return perSecond(100, async () => {
          for (let commit = 0; commit < 100; commit++) await target.append(few);
        });
      },
      peer: async () => 100 / (await deltaRs("small-commits", join(folder, `rust-${round++}`), "100")),
    });
  }

  const table = await append();
  const hive = `read_parquet('${await copy()}/*/*.parquet', hive_partitioning = true)`;
  const all = (await bare.sum(`SELECT delay FROM ${hive}`)).rows;
  strictEqual(all, rows);
  const columns = ["delay", "distance", "date", "origin", "destination"];
  await pair({
    name: "scan five columns of it",
    unit: "rows/s",
    peerName: "DuckDB read_parquet, one column of each chunk",
    rounds: 3,
    ours: () => perSecond(rows, () => sum(table, { columns })),
    peer: () => perSecond(rows, () => bare.sum(`SELECT ${columns.join(", ")} FROM ${hive}`)),
  });
  await pair({
    name: "scan five columns of it",
    unit: "rows/s",
    peerName: "DuckDB read_parquet, every value to JS",
    rounds: 3,
    ours: () => perSecond(rows, () => sum(table, { columns })),
    peer: () => perSecond(rows, () => bare.values(`SELECT ${columns.join(", ")} FROM ${hive}`)),
  });

  const month = "2001-01";
  const pruned = { columns: ["delay", "origin"], where: { month } } as const;
  const query = `SELECT delay, origin FROM ${hive} WHERE month = '${month}'`;
  const [ours, peer] = [await sum(table, pruned), await bare.sum(query)];
  strictEqual(ours, peer.sum);
  await pair({
    name: "scan two columns of one month, pruned",
    unit: "rows/s",
    peerName: "DuckDB read_parquet, same pruning, every value",
    ours: () => perSecond(peer.rows, () => sum(table, pruned)),
    peer: () => perSecond(peer.rows, () => bare.values(query)),
  });
};

async function sum(table: LakeTable, options: ScanOptions): Promise<number> {
  let total = 0;
  for await (const batch of table.scan(options)) {
    for (const value of batch.getChildAt(0)?.toArray() ?? []) total += Number(value);
  }
  return total;
}
