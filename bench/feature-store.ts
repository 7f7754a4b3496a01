import { strictEqual } from "node:assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { column, createFeatureStore, entity, featureView, fromRows } from "@ashlar/feature-store";
import { sqlite } from "@ashlar/feature-store/sqlite";
import { servingBesideFeast } from "./feast-serving.ts";
import { pointInTimeJoins } from "./join.ts";
import { materialization } from "./materialize.ts";
import { onlineReads, pushToVisible } from "./online.ts";
import { windowReads } from "./windows.ts";
import { type Bench, rate, type Suite } from "./harness.ts";

export const featureStore: Suite = async (bench) => {
  await pointInTimeJoins(bench);
  await onlineRead(bench);
  await onlineReads(bench);
  await pushToVisible(bench);
  await windowReads(bench);
  await materialization(bench);
  await servingBesideFeast(bench);
};

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
