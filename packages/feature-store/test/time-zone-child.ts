import { arrow, column, createFeatureStore, entity, featureView, fromTable, mean, window } from "../src/index.ts";
import { duckdb } from "../src/offline/duckdb.ts";
import { arrowTable } from "../src/testing/tables.ts";
import { traps } from "../src/testing/traps.ts";

// Prints by each engine the digest of one training set, in which naive and zoned timestamps meet, and the traps withstood.
const hour = 3_600_000_000;
const source = arrowTable({
  id: ["string", ["a", "a", "b", "a"]],
  at: ["naive", [0, 5 * hour, 5 * hour, 9 * hour]],
  known: ["timestamp", [hour, 9 * hour, 6 * hour, 30 * hour]],
  value: ["float64", [1, 2, 3, 4]],
});
const view = featureView({
  name: "v",
  entities: [entity({ name: "thing", key: { id: "string" } })],
  source: fromTable("source", source, { timezone: "UTC" }),
  eventTime: "at",
  knownAt: "known",
  ttl: "1d",
  features: {
    last: column("value"),
    when: column("at", "timestamp"),
    mean: window("6h", mean("value")),
    hopping: window("6h", mean("value"), { hop: "5h" }),
  },
});
const labels = arrowTable({ id: ["string", ["a", "b", "a"]], at: ["naive", [9 * hour, 9 * hour, 4 * hour]] });
for (const offline of [arrow(), duckdb()]) {
  const store = createFeatureStore({ views: [view], offline });
  const set = await store.trainingSet({ labels, time: "at", features: ["v:*"], timezone: "UTC" });
  for (const trap of traps) await trap.run(offline);
  process.stdout.write(`${set.digest} ${traps.map(({ id }) => id).join()}\n`);
}
