import {
  column,
  count,
  countDistinct,
  type FeatureView,
  featureView,
  first,
  fromRows,
  last,
  max,
  mean,
  median,
  min,
  type PushEvent,
  share,
  stddev,
  sum,
  window,
} from "../src/index.ts";
import { car, clockAt, second } from "./pushed.ts";

export const clock = clockAt(10_000 * second);

/** Windows that are exact, and tiles of seven seconds. */
export function trips(rows: readonly PushEvent[]): FeatureView {
  return featureView({
    name: "trips",
    entities: [car],
    source: fromRows("trips", rows),
    eventTime: "at",
    knownAt: "known",
    ttl: "forever",
    push: { id: "id", tile: "7s" },
    features: {
      length: column("length"),
      note: column("note", "string"),
      count: window("10s", count()),
      sum: window("30s", sum("length")),
      mean: window("10s", mean("length")),
      share: window("30s", share(column("length").greaterThan(2))),
      stddev: window("30s", stddev("length")),
      least: window("30s", min("length")),
      greatest: window("10s", max("length")),
      first: window("30s", first("note", "string")),
      last: window("30s", last("note", "string")),
      notes: window("30s", countDistinct("note")),
      median: window("30s", median("length")),
    },
  });
}
