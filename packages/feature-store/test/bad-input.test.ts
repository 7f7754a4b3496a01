import { describe, expect, it } from "vitest";
import {
  arrow,
  column,
  count,
  createFeatureStore,
  entity,
  featureService,
  featureView,
  fromTable,
  mean,
  memory,
  type TableSource,
  window,
} from "../src/index.ts";
import { duckdb } from "../src/offline/duckdb.ts";
import { arrowTable } from "../src/testing/tables.ts";

const minute = 60_000_000;
const thing = entity({ name: "thing", key: { id: "string" } });
const good = {
  id: ["string", ["a", "a", "b"]],
  at: ["timestamp", [1 * minute, 2 * minute, 3 * minute]],
  value: ["float64", [1, 2, 3]],
} as const;
const labels = arrowTable({
  id: ["string", ["a", "b", "a", "a"]],
  at: ["timestamp", [2 * minute, 5 * minute, 2 * minute, 0]],
});

function viewOver(source: TableSource) {
  return featureView({
    name: "v",
    entities: [thing],
    source,
    eventTime: "at",
    ttl: "1d",
    features: { value: column("value"), mean: window("1h", mean("value")), rows: window("1h", count()) },
  });
}

describe.each([
  ["arrow()", arrow],
  ["duckdb()", duckdb],
])("bad input to %s", (_, engine) => {
  function join(columns: Parameters<typeof arrowTable>[0], asked = labels) {
    const view = viewOver(fromTable("source", arrowTable(columns)));
    const store = createFeatureStore({ views: [view], offline: engine() });
    return store.trainingSet({ labels: asked, time: "at", features: ["v:*"] });
  }
  const times = [1 * minute, 2 * minute, 3 * minute];

  it.each([
    ["naive timestamps", { ...good, at: ["naive", times] }, "TIMESTAMP_NAIVE"],
    ["text for a time", { ...good, at: ["string", ["x", "y", "z"]] }, "COLUMN_TYPE_MISMATCH"],
    ["an unknown column", { id: good.id, at: good.at }, "COLUMN_MISSING"],
    ["no key column", { at: good.at, value: good.value }, "COLUMN_MISSING"],
    ["a key of another type", { ...good, id: ["int64", [1n, 1n, 2n]] }, "COLUMN_TYPE_MISMATCH"],
    ["a feature of another type", { ...good, value: ["string", ["1", "2", "3"]] }, "COLUMN_TYPE_MISMATCH"],
  ] as const)("%s in the source: %s", async (_name, columns, code) => {
    await expect(join(columns)).rejects.toMatchObject({ code });
  });

  it.each([
    ["naive timestamps", { id: ["string", ["a"]], at: ["naive", [0]] }, "TIMESTAMP_NAIVE"],
    ["a null time", { id: ["string", ["a", "b"]], at: ["timestamp", [0, null]] }, "LABEL_TIME_NULL"],
    ["no key", { at: ["timestamp", [0]] }, "COLUMN_MISSING"],
    ["a key of another type", { id: ["int64", [1n]], at: ["timestamp", [0]] }, "COLUMN_TYPE_MISMATCH"],
    [
      "a column that a feature would take",
      { id: ["string", ["a"]], at: ["timestamp", [0]], "v:value": ["float64", [1]] },
      "DEFINITION_INVALID",
    ],
  ] as const)("%s in the labels", async (_name, columns, code) => {
    await expect(join(good, arrowTable(columns))).rejects.toMatchObject({ code });
  });

  it("null keys and times lose no label, and match nothing", async () => {
    const columns = {
      id: ["string", ["a", null, "b"]],
      at: ["timestamp", [1 * minute, 1 * minute, null]],
      value: ["float64", [1, 9, 9]],
    } as const;
    const asked = arrowTable({
      id: ["string", ["a", null, "b"]],
      at: ["timestamp", [2 * minute, 2 * minute, 2 * minute]],
    });
    const set = await join(columns, asked);
    expect(set.rows).toBe(3);
    expect([0, 1, 2].map((row) => set.row(row)["v:value"])).toEqual([1, null, null]);
  });

  it("labels twice come out twice, in their order", async () => {
    const set = await join(good);
    expect(set.rows).toBe(4);
    expect([0, 1, 2, 3].map((row) => set.row(row)["v:value"])).toEqual([2, 3, 2, null]);
  });
});

it("a feature renamed under a running service leaves the service as it was, and is named to others", async () => {
  const source = fromTable("source", arrowTable(good));
  const old = viewOver(source);
  const renamed = featureView({
    name: "v",
    entities: [thing],
    source,
    eventTime: "at",
    ttl: "1d",
    features: { amount: column("value") },
  });
  const service = featureService({ name: "ranking", views: [old], features: ["v:value"] });
  const at = 10 * 60_000;
  const online = memory();
  await createFeatureStore({ views: [old], online }).materialize(old, { until: at });
  await using store = createFeatureStore({ views: [renamed], previous: [old], online });
  const handler = store.handler({ services: [service] });
  const ask = async (body: unknown) => {
    const answer = await handler(new Request("http://host/read", { method: "POST", body: JSON.stringify(body) }));
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
  };
  const entities = [{ id: "a" }];
  const pinned = { entities, service: "ranking", at };
  const before = await ask(pinned);
  expect(before).toMatchObject({ status: 200, json: { rows: [{ "v:value": { status: "PRESENT", value: 2 } }] } });
  await store.backfill(renamed, { until: at });
  expect(await ask(pinned)).toEqual(before);
  expect(await ask({ entities, features: ["v:amount"], at })).toMatchObject({
    json: { rows: [{ "v:amount": { status: "PRESENT", value: 2 } }] },
  });
  const gone = await ask({ entities, features: ["v:value"], at });
  expect(gone).toMatchObject({
    status: 400,
    json: { error: { code: "FEATURE_UNKNOWN", details: { known: ["v:amount"] } } },
  });
  // A service of the old pin over the new definition is refused when it is made.
  const options = { name: "ranking", views: [renamed], features: ["v:amount"], pins: service.pins } as const;
  expect(() => featureService(options)).toThrow(expect.objectContaining({ code: "SERVICE_PIN_MISMATCH" }));
});
