import { DuckDBInstance } from "@duckdb/node-api";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { column, createFeatureStore, entity, featureView, type TableSource } from "../src/index.ts";
import { duckdb } from "../src/offline/duckdb.ts";

// Usage: node --conditions=@ashlar/source packages/feature-store/bench/join-large.ts
// 1 M labels to 3 M flights, then 10 M to 30 M: the flights of 2001, again and again a year later. Each size in a process of
// its own, with 1 GB for DuckDB before it spills; fails when ten times the rows cost more than twelve times the time, or
// more memory than the cap.
const memoryCapMB = 2_500;
const flightsFile = fileURLToPath(new URL("../data/flights-3m.parquet", import.meta.resolve("vega-datasets")));

interface Measured {
  readonly labels: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMB: number;
  readonly digest: string;
}

async function writeFlights(file: string, rows: number): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:", { memory_limit: "1GB" });
  const connection = await instance.connect();
  await connection.run(`COPY (
    SELECT origin, delay, distance, date + to_years(copy::INTEGER) AS date,
      date + to_years(copy::INTEGER) + to_minutes((delay + 30 + distance // 7)::BIGINT) AS landed_at
    FROM (FROM '${flightsFile}' LIMIT ${Math.min(rows, 3_000_000)}), range(${Math.ceil(rows / 3_000_000)}) AS copies(copy)
    LIMIT ${rows}) TO '${file}' (FORMAT parquet, COMPRESSION zstd)`);
  connection.closeSync();
  instance.closeSync();
}

const inFile = (name: string, file: string): TableSource => ({
  name,
  timezone: "UTC",
  localFiles: async () => [file],
  scan: () => {
    throw new Error("the engine reads the file itself");
  },
});

async function joined(sourceFile: string, labelFile: string): Promise<Measured> {
  const departures = featureView({
    name: "departures",
    entities: [entity({ name: "airport", key: { origin: "string" } })],
    source: inFile("flights", sourceFile),
    eventTime: "date",
    knownAt: "landed_at",
    ttl: "7d",
    features: { delay: column("delay", "int32"), distance: column("distance", "int32") },
  });
  const store = createFeatureStore({ offline: duckdb({ memoryLimit: "1GB" }), views: [departures] });
  const start = performance.now();
  const cpu = process.cpuUsage();
  const set = await store.trainingSet({
    labels: inFile("labels", labelFile),
    time: "date",
    features: ["departures:*"],
  });
  const { user, system } = process.cpuUsage(cpu);
  return {
    labels: set.rows,
    seconds: Math.round(performance.now() - start) / 1000,
    cpuSeconds: Math.round((user + system) / 1000) / 1000,
    peakMB: Math.round(process.resourceUsage().maxRSS / 1024),
    digest: set.digest,
  };
}

async function inChild(sourceFile: string, labelFile: string): Promise<Measured> {
  const args = [...process.execArgv, fileURLToPath(import.meta.url), sourceFile, labelFile];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as Measured;
}

const [sourceFile, labelFile] = process.argv.slice(2);
if (sourceFile !== undefined && labelFile !== undefined) {
  console.log(JSON.stringify(await joined(sourceFile, labelFile)));
} else {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-large-"));
  try {
    const measured: Measured[] = [];
    for (const million of [1, 10]) {
      const [source, labels] = [join(folder, `source-${million}`), join(folder, `labels-${million}`)];
      await writeFlights(source, 3_000_000 * million);
      await writeFlights(labels, 1_000_000 * million);
      measured.push(await inChild(source, labels));
      console.log(measured.at(-1));
    }
    const [small, large] = measured as [Measured, Measured];
    const times = large.seconds / small.seconds;
    console.log({ times, cpuTimes: large.cpuSeconds / small.cpuSeconds, memoryCapMB });
    if (times > 12 || large.peakMB > memoryCapMB) process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
