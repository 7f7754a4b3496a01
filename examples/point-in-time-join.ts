// A training set that never looks past what was known, and the same features read online.
import { column, createFeatureStore, entity, featureView, fromRows, mean, share, window } from "@ashlar/feature-store";
import { sqlite } from "@ashlar/feature-store/sqlite";

const at = (time: string): Date => new Date(`2001-06-01T${time}Z`);
const flights = fromRows("flights", [
  { origin: "JFK", date: at("08:00"), landed_at: at("09:00"), delay: 4 },
  { origin: "JFK", date: at("08:30"), landed_at: at("11:00"), delay: 40 },
  { origin: "SFO", date: at("09:00"), landed_at: at("10:30"), delay: 0 },
]);
const departures = featureView({
  name: "departures",
  entities: [entity({ name: "airport", key: { origin: "string" } })],
  source: flights,
  eventTime: "date",
  knownAt: "landed_at",
  ttl: "7d",
  features: {
    mean_delay_6h: window("6h", mean("delay")),
    late_share_24h: window("24h", share(column("delay").greaterThan(15))),
  },
});
await using store = createFeatureStore({ online: sqlite({ path: "./online.db" }), views: [departures] });

const labels = fromRows("labels", [
  { origin: "JFK", date: at("10:00") },
  { origin: "JFK", date: at("12:00") },
]);
const training = await store.trainingSet({ labels, time: "date", features: ["departures:*"], leakReport: true });
console.log("at ten the late flight has not landed:", training.row(0));
console.log("at noon it has:", training.row(1));
console.log("a join on event time alone would have leaked:", training.leakReport);

const noon = at("12:00").getTime();
await store.materialize(departures, { until: noon });
const [vector] = await store.read({
  entities: [{ origin: "JFK" }],
  features: ["departures:mean_delay_6h"],
  at: noon + 81_000,
});
console.log("online:", vector?.["departures:mean_delay_6h"]);
