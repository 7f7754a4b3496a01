import { memoryObjectStore } from "@ashlar/core/memory";
import { column, count, createFeatureStore, entity, featureView, sum, vector, window } from "@ashlar/feature-store";
import { batchFrom, openLake } from "@ashlar/storage/lake";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { type RecordBatch, Table } from "apache-arrow";
import { expect, it } from "vitest";

const minute = 60_000_000n;
const ids = ["a", "b", "a", "c", "b", "a"];

/** Sensors in a lake, labels in the same, and the training set back in it. */
it("joins labels of a lake, of an iterator and of memory to the same rows, and keeps them in the lake", async () => {
  const lake = await openLake({ objects: memoryObjectStore(), codec: hyparquet() });
  const readings = await lake.table("readings");
  const floats = { type: "array", elementType: "float", containsNull: false } as const;
  for (const hour of [0n, 1n]) {
    await readings.append(
      batchFrom({
        id: ["string", ids],
        at: ["timestamp", ids.map((_, i) => hour * 60n * minute + BigInt(i) * minute)],
        value: ["double", ids.map((_, i) => (i === 2 ? null : i + Number(hour)))],
        place: [floats, ids.map((_, i) => [i, Number(hour)])],
      }),
    );
  }
  const labelled = await lake.table("labels");
  for (const part of [0, 1]) {
    await labelled.append(
      batchFrom({
        id: ["string", ["a", "z", "c"]],
        at: ["timestamp", [3n * minute, 3n * minute, BigInt(part) * 120n * minute]],
        late: ["boolean", [true, null, part === 1]],
      }),
    );
  }
  const view = featureView({
    name: "sensors",
    entities: [entity({ name: "sensor", key: { id: "string" } })],
    source: readings,
    eventTime: "at",
    ttl: "90m",
    features: {
      value: column("value"),
      place: column("place", vector(2)),
      rows_1h: window("1h", count()),
      total_3h: window("3h", sum("value")),
    },
  });
  const store = createFeatureStore({ views: [view] });
  const batches: RecordBatch[] = [];
  for await (const batch of labelled.scan()) batches.push(batch);
  async function* iterated(): AsyncIterable<RecordBatch> {
    yield* batches;
  }
  const ask = { time: "at", features: ["sensors:*"] } as const;
  const set = await store.trainingSet({ ...ask, labels: labelled });
  for (const labels of [iterated(), new Table(batches)]) {
    expect((await store.trainingSet({ ...ask, labels })).digest).toBe(set.digest);
  }

  const kept = await lake.table("training");
  expect((await kept.append(set.batches(), { transaction: { appId: "training", version: 1 } })).rows).toBe(6);
  const found: Record<string, unknown>[] = [];
  for await (const batch of kept.scan()) {
    for (let row = 0; row < batch.numRows; row++) {
      found.push(
        Object.fromEntries(set.manifest.features.map((name) => [name, batch.getChild(name)?.get(row) as unknown])),
      );
    }
  }
  const plain = (value: unknown): unknown =>
    typeof value === "object" && value !== null ? Array.from(value as Iterable<unknown>) : value;
  const plainRow = (row: Readonly<Record<string, unknown>>): unknown =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]));
  expect(found.map(plainRow)).toEqual(Array.from({ length: set.rows }, (_, i) => plainRow(set.row(i))));
  expect(plainRow(found[0] ?? {})).toEqual({
    "sensors:value": null,
    "sensors:place": [2, 0],
    "sensors:rows_1h": 2,
    "sensors:total_3h": 0,
  });
  // Nobody knows of "z", and "c" has nothing yet at the first moment.
  expect([1, 2].map((i) => found[i]?.["sensors:rows_1h"])).toEqual([null, null]);
});
