import { column, count, entity, featureView, type FeatureView, fromBatches, window } from "@ashlar/feature-store";
import { batchFrom } from "@ashlar/storage/lake";
import type { RecordBatch } from "apache-arrow";

const minute = 60_000_000n;
const ids = ["a", "b", "c", "dé", ""];

/** Readings of five sensors, one of them a minute. */
export function readings(rows: number): RecordBatch {
  const numbers = Array.from({ length: rows }, (_, i) => i);
  return batchFrom({
    id: ["string", numbers.map((i) => ids[i % 5] as string)],
    at: ["timestamp", numbers.map((i) => BigInt(i) * minute)],
    known: ["timestamp", numbers.map((i) => BigInt(i + (i % 11)) * minute)],
    value: ["double", numbers.map((i) => (i % 13 === 0 ? null : i / 4))],
    state: ["string", numbers.map((i) => (i % 3 === 0 ? null : `state ${i % 4}`))],
  });
}

/** Labels of the sensors and of one that is not there, in batches of 5,000. */
export function* labels(rows: number): Iterable<RecordBatch> {
  for (let at = 0; at < rows; at += 5_000) {
    const numbers = Array.from({ length: Math.min(5_000, rows - at) }, (_, i) => at + i);
    yield batchFrom({
      id: ["string", numbers.map((i) => (i % 7 === 0 ? "nobody" : (ids[i % 5] as string)))],
      time: ["timestamp", numbers.map((i) => BigInt((i * 37) % 4_000) * minute)],
      late: ["boolean", numbers.map((i) => (i % 2 === 0 ? null : i % 3 === 0))],
      weight: ["long", numbers.map((i) => BigInt(i) * 2n ** 40n)],
    });
  }
}

export const sensors = (source: FeatureView["source"] = fromBatches("readings", [readings(4_000)])) =>
  featureView({
    name: "sensors",
    entities: [entity({ name: "sensor", key: { id: "string" } })],
    source,
    eventTime: "at",
    knownAt: "known",
    ttl: "90m",
    features: { value: column("value"), state: column("state", "string"), rows_1h: window("1h", count()) },
  });
