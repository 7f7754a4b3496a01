import { Table, type RecordBatch } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { column, createFeatureStore, entity, featureLog, featureView, fromRows } from "../index.ts";
import { driftBetween } from "./index.ts";

const hour = 3_600_000;
const thing = entity({ name: "thing", key: { id: "string" } });
const source = (shift: number) =>
  fromRows(
    "things",
    Array.from({ length: 400 }, (_, i) => ({
      id: `${i}`,
      at: new Date(hour),
      size: (i % 40) + shift,
      odd: i % 2 === 1,
    })),
  );
const view = (shift: number) =>
  featureView({
    name: "things",
    entities: [thing],
    source: source(shift),
    eventTime: "at",
    ttl: "1d",
    features: { size: column("size"), odd: column("odd", "boolean") },
  });
const entities = Array.from({ length: 400 }, (_, i) => ({ id: `${i}` }));
const labels = fromRows(
  "labels",
  entities.map(({ id }) => ({ id, at: new Date(2 * hour) })),
);

describe("drift between training, history and what was served", () => {
  it("is one report of every pair", async () => {
    const training = await createFeatureStore({ views: [view(0)] }).trainingSet({
      labels,
      time: "at",
      features: ["things:*"],
    });
    const batches: RecordBatch[] = [];
    const sink = { append: async (batch: RecordBatch) => void batches.push(batch) };
    const now = view(12);
    const log = featureLog({ views: [now], features: ["things:*"], sink });
    const store = createFeatureStore({ views: [now], logs: [log] });
    await store.materialize(now, { until: 2 * hour });
    await store.read({ entities, features: ["things:*"], at: 2 * hour });
    await log.flush();
    const offline = await store.trainingSet({ labels, time: "at", features: ["things:*"] });
    const matrix = await driftBetween({ training, offline, served: new Table(batches) });
    expect(matrix.comparisons.map(({ reference, current, report }) => [reference, current, report.drifted])).toEqual([
      ["training", "offline", true],
      ["training", "served", true],
      ["offline", "served", false],
    ]);
    expect(matrix.drifted).toBe(true);
    const [drifted, other] = matrix.comparisons[1]?.report.columns ?? [];
    expect(drifted).toMatchObject({ column: "things:size", drifted: true, test: { name: "kolmogorov-smirnov" } });
    expect(other).toMatchObject({ column: "things:odd", drifted: false, psi: 0 });
  });

  it("is between two sets at least, that have features", async () => {
    const invalid = { code: "REQUEST_INVALID" };
    await expect(driftBetween({ one: source(0) })).rejects.toMatchObject(invalid);
    await expect(driftBetween({ one: source(0), two: source(0) })).rejects.toMatchObject(invalid);
    const named = await driftBetween({ one: source(0), two: source(0) }, { columns: ["size"] });
    expect(named).toMatchObject({ drifted: false, comparisons: [{ reference: "one", current: "two" }] });
    const missing = driftBetween({ one: source(0), two: labels }, { columns: ["size"] });
    await expect(missing).rejects.toMatchObject({ code: "COLUMN_MISSING" });
  });
});
