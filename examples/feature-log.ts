// What was served goes back to a lake table, and is compared with what training would see.
import { memoryObjectStore } from "@ashlar/core/memory";
import {
  column,
  createFeatureStore,
  entity,
  featureLog,
  featureView,
  fromRows,
  mean,
  window,
} from "@ashlar/feature-store";
import { driftBetween } from "@ashlar/feature-store/validate";
import { openLake } from "@ashlar/storage/lake";

const hour = 3_600_000;
const rides = fromRows(
  "rides",
  Array.from({ length: 600 }, (_, i) => ({
    driver: `driver ${i % 20}`,
    at: new Date(i * 60_000),
    rating: 3 + (i % 7) / 3,
  })),
);
const drivers = featureView({
  name: "drivers",
  entities: [entity({ name: "driver", key: { driver: "string" } })],
  source: rides,
  eventTime: "at",
  ttl: "1d",
  features: { last_rating: column("rating"), mean_rating_2h: window("2h", mean("rating")) },
});
const features = ["drivers:*"] as const;
const entities = Array.from({ length: 20 }, (_, i) => ({ driver: `driver ${i}` }));

const lake = openLake({ objects: memoryObjectStore() });
const served = await lake.table("served");
const log = featureLog({ views: [drivers], features, sink: served });
await using store = createFeatureStore({ views: [drivers], logs: [log] });

// The online store is an hour behind in the second read.
await store.materialize(drivers, { until: 8 * hour });
await store.read({ entities, features, at: 8 * hour });
await store.read({ entities, features, at: 9 * hour });
await log.flush();
console.log("logged:", log.counts());

const skew = await store.checkSkew({ features, served });
console.log(`${skew.different} of ${skew.compared} values were served otherwise:`, skew.causes);

const labels = fromRows(
  "labels",
  entities.map((each) => ({ ...each, at: new Date(9 * hour) })),
);
const training = await store.trainingSet({ labels, time: "at", features });
const drift = await driftBetween({ training, served });
for (const { reference, current, report } of drift.comparisons) {
  console.log(
    reference,
    "to",
    current,
    report.columns.map(({ column, psi }) => [column, psi.toFixed(2)]),
  );
}
