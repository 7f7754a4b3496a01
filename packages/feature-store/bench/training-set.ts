import { Table } from "apache-arrow";
import { fileURLToPath } from "node:url";
import { duckdb } from "../src/offline/duckdb.ts";
import {
  arrow,
  column,
  count,
  createFeatureStore,
  entity,
  featureView,
  fromTable,
  mean,
  share,
  type TableSource,
  window,
} from "../src/index.ts";

// Usage: node --conditions=@ashlar/source packages/feature-store/bench/training-set.ts [duckdb|arrow] [--leak]
// 48 known-at windows for 3 M flights of 2001 (vega-datasets), and 15-minute materialisation of 229 airports.

const { DuckDBInstance } = await import("@duckdb/node-api");
const flightsFile = fileURLToPath(new URL("../data/flights-3m.parquet", import.meta.resolve("vega-datasets")));
const { mkdtemp, rm } = await import("node:fs/promises");
const { tmpdir } = await import("node:os");
const { join } = await import("node:path");
const folder = await mkdtemp(join(tmpdir(), "ashlar-bench-"));
const file = join(folder, "flights.parquet");
const instance = await DuckDBInstance.create(":memory:");
const connection = await instance.connect();
await connection.run(
  `COPY (SELECT *, date + to_minutes((delay + 30 + distance // 7)::BIGINT) AS landed_at FROM '${flightsFile}') TO '${file}'`,
);
connection.closeSync();
instance.closeSync();

const engineName = process.argv[2] ?? "duckdb";
const files: TableSource = {
  name: "flights",
  timezone: "UTC",
  localFiles: async () => [file],
  scan: () => {
    throw new Error("the engine reads the file itself");
  },
};
let source = files;
if (engineName === "arrow") {
  const labels = await duckdb().labels(files, { time: "date" });
  const batches = [];
  for await (const batch of labels.batches()) batches.push(batch);
  await labels[Symbol.asyncDispose]();
  source = { ...fromTable("flights", new Table(batches), { timezone: "UTC" }), fingerprint: async () => "bench" };
}

const from = entity({ name: "from", key: { origin: "string" } });
const to = entity({ name: "to", key: { destination: "string" } });
const late = share(column("delay").greaterThan(15));
const features = Object.fromEntries(
  (["1h", "6h", "24h", "7d"] as const).flatMap((width) => [
    [`mean_${width}`, window(width, mean("delay"))],
    [`late_${width}`, window(width, late)],
    [`count_${width}`, window(width, count())],
  ]),
);
const common = { source, eventTime: "date", knownAt: "landed_at", ttl: "7d", features } as const;
const views = [
  featureView({ ...common, name: "from_origin", entities: [from] }),
  featureView({ ...common, name: "into_origin", entities: [from], keys: { origin: "destination" } }),
  featureView({ ...common, name: "from_destination", entities: [to], keys: { destination: "origin" } }),
  featureView({ ...common, name: "into_destination", entities: [to] }),
] as const;
const store = createFeatureStore({ views, offline: engineName === "arrow" ? arrow() : duckdb() });
const peak = (): number => Math.round(process.resourceUsage().maxRSS / 1024);
const seconds = (start: number): number => Math.round(performance.now() - start) / 1000;

let start = performance.now();
const set = await store.trainingSet({
  labels: source,
  time: "date",
  features: ["from_origin:*", "into_origin:*", "from_destination:*", "into_destination:*"],
  output: { float: "float32", integer: "float" },
  leakReport: process.argv.includes("--leak"),
});
const joined = seconds(start);
let rows = 0;
for await (const batch of set.batches()) rows += batch.numRows;
console.log({
  engine: engineName,
  rows,
  features: set.manifest.features.length,
  joined,
  streamed: seconds(start),
  peakRssMB: peak(),
  digest: set.digest,
  leakedRows: set.leakReport?.leakedRows,
});

start = performance.now();
const day = Date.UTC(2001, 5, 1);
const materializer = await store.materializer(views[0]);
await materializer.advance(day);
const loaded = seconds(start);
start = performance.now();
const ticks = 96;
for (let tick = 1; tick <= ticks; tick++) await materializer.advance(day + tick * 900_000);
console.log({ loadedSeconds: loaded, msPerTick: (seconds(start) * 1000) / ticks });
await rm(folder, { recursive: true, force: true });
