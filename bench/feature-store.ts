import { strictEqual } from "node:assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import {
  arrow,
  column,
  createFeatureStore,
  entity,
  featureView,
  fromBatches,
  fromRows,
  type OfflineEngine,
} from "@ashlar/feature-store";
import { duckdb } from "@ashlar/feature-store/duckdb";
import { sqlite } from "@ashlar/feature-store/sqlite";
import { sourceOfFile } from "@ashlar/storage";
import { duckdb as parquet } from "@ashlar/storage/duckdb";
import { type RecordBatch, Table } from "apache-arrow";
import { bareDuckDb, writeFlights } from "./flights.ts";
import { onlineReads, pushToVisible } from "./online.ts";
import { type Bench, perSecond, rate, type Suite } from "./harness.ts";

export const featureStore: Suite = async (bench) => {
  await pointInTimeJoin(bench);
  await onlineRead(bench);
  await onlineReads(bench);
  await pushToVisible(bench);
};

/** Each flight asks for the delay of the last flight that had landed at its origin; DuckDB answers by ASOF join. */
async function pointInTimeJoin({ rows, folder, pair }: Bench): Promise<void> {
  const file = join(folder, "flights.parquet");
  await writeFlights(file, rows);
  const table = new Table(await batchesOf(file));
  const inMemory = fromBatches("flights", table.batches, { timezone: "UTC" });
  const inFile = { ...inMemory, localFiles: async () => [file] };

  const joinWith = (offline: OfflineEngine, source: typeof inMemory): (() => Promise<void>) => {
    const departures = featureView({
      name: "departures",
      entities: [entity({ name: "airport", key: { origin: "string" } })],
      source,
      eventTime: "landed_at",
      ttl: "365d",
      features: { delay: column("delay", "int32") },
    });
    const store = createFeatureStore({ offline, views: [departures] });
    return async () => {
      const set = await store.trainingSet({ labels: source, time: "date", features: ["departures:*"] });
      strictEqual(set.rows, rows);
    };
  };

  using bare = await bareDuckDb();
  const asof = async (): Promise<void> => {
    const joined = await bare.sum(`
      SELECT known.delay, label.* FROM '${file}' label
      ASOF LEFT JOIN '${file}' known ON label.origin = known.origin AND label.date >= known.landed_at`);
    strictEqual(joined.rows, rows);
  };
  const engines = [
    ["arrow()", joinWith(arrow(), inMemory)],
    ["duckdb()", joinWith(duckdb(), inFile)],
  ] as const;
  for (const [name, ours] of engines) {
    await pair({
      name: `join ${rows / 1e6} M labels point-in-time, ${name}, digest included`,
      unit: "labels/s",
      peerName: "DuckDB ASOF LEFT JOIN, no digest",
      rounds: 3,
      ours: () => perSecond(rows, ours),
      peer: () => perSecond(rows, asof),
    });
  }
}

async function batchesOf(file: string): Promise<RecordBatch[]> {
  await using codec = parquet();
  await using reader = await codec.open(await sourceOfFile(file));
  const batches: RecordBatch[] = [];
  for await (const batch of reader.scan()) batches.push(batch);
  return batches;
}

/** Two features of 100 entities of a thousand, out of a SQLite file. */
async function onlineRead({ folder, pair }: Bench): Promise<void> {
  const airports = Array.from({ length: 1000 }, (_, i) => ({
    origin: `K${i}`,
    at: new Date(i),
    delay: i / 7,
    late: i,
  }));
  const departures = featureView({
    name: "departures",
    entities: [entity({ name: "airport", key: { origin: "string" } })],
    source: fromRows("flights", airports),
    eventTime: "at",
    ttl: "365d",
    features: { delay: column("delay", "float64"), late: column("late", "float64") },
  });
  await using store = createFeatureStore({ online: sqlite({ path: join(folder, "online.db") }), views: [departures] });
  await store.materialize(departures, { until: 1000 });

  using bare = new DatabaseSync(join(folder, "bare.db"));
  bare.exec(
    "PRAGMA journal_mode=WAL; CREATE TABLE vector (origin TEXT PRIMARY KEY, delay REAL, late REAL) WITHOUT ROWID",
  );
  const insert = bare.prepare("INSERT INTO vector VALUES (?, ?, ?)");
  for (const { origin, delay, late } of airports) insert.run(origin, delay, late);
  const select = bare.prepare("SELECT delay, late FROM vector WHERE origin = ?");

  const entities = airports.filter((_, i) => i % 10 === 3).map(({ origin }) => ({ origin }));
  const read = async (): Promise<void> => {
    const vectors = await store.read({ entities, features: ["departures:*"], at: 1000 });
    strictEqual(vectors.at(-1)?.["departures:late"].status, "PRESENT");
  };
  const selectAll = (): void => {
    const vectors = entities.map(({ origin }) => select.get(origin));
    strictEqual(vectors.at(-1)?.["late"], 993);
  };
  await pair({
    name: "read 2 features of 100 entities online",
    unit: "reads/s",
    peerName: "node:sqlite, 100 prepared SELECTs",
    ours: () => rate(read),
    peer: () => rate(selectAll),
  });
}
