import { strictEqual } from "node:assert";
import { createFeatureStore, type TableSource } from "@ashlar/feature-store";
import { duckdb } from "@ashlar/feature-store/duckdb";
import { bareDuckDb } from "./flights.ts";
import { departuresOver } from "./join-view.ts";

// Usage: node join-large-child.ts ours|bare SOURCE LABELS ROWS. Joins Parquet files, and prints what it took.

export interface LargeJoin {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMB: number;
}

/** What DuckDB may use before it spills. */
const memoryLimit = "1GB";
const [way = "ours", sourceFile = "", labelFile = "", count = "0"] = process.argv.slice(2);

/** A file without a fingerprint, so that nothing is kept of it. */
const inFile = (name: string, file: string): TableSource => ({
  name,
  timezone: "UTC",
  localFiles: async () => [file],
  scan: () => {
    throw new Error("the engine reads the file itself");
  },
});

async function ours(): Promise<number> {
  const views = [departuresOver(inFile("flights", sourceFile))];
  await using store = createFeatureStore({ offline: duckdb({ memoryLimit }), views });
  let rows = 0;
  const { rows: written } = await store.writeTrainingSet({
    labels: inFile("labels", labelFile),
    time: "date",
    features: ["departures:*"],
    to: {
      async append(batches) {
        for await (const batch of batches) rows += batch.numRows;
      },
    },
  });
  strictEqual(written, rows);
  return rows;
}

async function bare(): Promise<number> {
  using duckdbAlone = await bareDuckDb();
  await duckdbAlone.run(`SET memory_limit = '${memoryLimit}'`);
  const { rows } = await duckdbAlone.sum(`
    SELECT known.delay, known.distance, label.* FROM '${labelFile}' label
    ASOF LEFT JOIN '${sourceFile}' known ON label.origin = known.origin AND label.date >= known.landed_at`);
  return rows;
}

const start = performance.now();
const cpu = process.cpuUsage();
const rows = await (way === "ours" ? ours() : bare());
const { user, system } = process.cpuUsage(cpu);
strictEqual(rows, Number(count));
const done: LargeJoin = {
  seconds: (performance.now() - start) / 1000,
  cpuSeconds: (user + system) / 1e6,
  peakMB: process.resourceUsage().maxRSS / 1024,
};
console.log(JSON.stringify(done));
