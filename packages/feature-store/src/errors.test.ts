import { describe, expect, it } from "vitest";
import {
  column,
  createFeatureStore,
  entity,
  featureView,
  fromBatches,
  fromTable,
  mean,
  onDemand,
  window,
} from "./index.ts";
import { loadDuckdb } from "./offline/duckdb-library.ts";
import { VectorLayout } from "./online/layout.ts";
import { arrowTable } from "./testing/tables.ts";

const thing = entity({ name: "thing", key: { id: "string" } });
const table = arrowTable({ id: ["string", ["a"]], at: ["timestamp", [0]], value: ["int64", [9007199254740993n]] });
const base = { name: "v", entities: [thing], source: fromTable("source", table), eventTime: "at", ttl: "1d" } as const;
const labels = arrowTable({ id: ["string", ["a"]], at: ["timestamp", [1]] });

function join(view: Parameters<typeof createFeatureStore>[0]["views"][number], table = labels): Promise<unknown> {
  const views: readonly (typeof view)[] = [view];
  return createFeatureStore({ views }).trainingSet({ labels: table, time: "at", features: [`${view.name}:*`] });
}

describe("a definition", () => {
  it.each(["0m", "1.5h", "-1h", "6", "", "1w", 0, null, "99999999999999d"])("refuses the ttl %j", (ttl) => {
    const define = (): unknown => featureView({ ...base, ttl: ttl as "1d", features: { x: column("value") } });
    expect(define).toThrow(expect.objectContaining({ code: "DURATION_INVALID" }));
  });

  it.each([
    ["an empty key", () => entity({ name: "thing", key: {} })],
    ["a name with a colon", () => entity({ name: "a:b", key: { id: "string" } })],
    ["no features", () => featureView({ ...base, features: {} })],
    ["no entity", () => featureView({ ...base, entities: [], features: { x: column("value") } })],
    [
      "one key column twice",
      () => featureView({ ...base, entities: [thing, thing], features: { x: column("value") } }),
    ],
    ["a key no entity has", () => featureView({ ...base, keys: { other: "x" }, features: { x: column("value") } })],
    ["no output", () => onDemand({ name: "o", input: {}, output: {}, compute: () => ({}) })],
  ])("refuses %s", (_, define) => {
    expect(define).toThrow(expect.objectContaining({ code: "DEFINITION_INVALID" }));
  });

  it("has a version that follows what it says and not how it is written", () => {
    const version = (features: { x: ReturnType<typeof column> }, ttl: "1d" | "24h" | "2d"): string =>
      featureView({ ...base, ttl, features }).version;
    expect(version({ x: column("value") }, "1d")).toBe(version({ x: column("value") }, "24h"));
    expect(version({ x: column("value") }, "1d")).not.toBe(version({ x: column("value") }, "2d"));
    expect(version({ x: column("value") }, "1d")).not.toBe(version({ x: column("other") }, "1d"));
  });
});

describe("a join", () => {
  it.each([
    ["COLUMN_MISSING", { x: column("none") }],
    ["COLUMN_TYPE_MISMATCH", { x: column("id", "float64") }],
    ["COLUMN_TYPE_MISMATCH", { x: window("1h", mean("id")) }],
    ["VALUE_OUT_OF_RANGE", { x: column("value", "float64") }],
  ] as const)("fails with %s", async (code, features) => {
    await expect(join(featureView({ ...base, features }))).rejects.toMatchObject({ code });
  });

  it("refuses times beyond the exact range", async () => {
    const source = arrowTable({ id: ["string", ["a"]], at: ["timestamp", [2 ** 60]] });
    const view = featureView({ ...base, source: fromTable("source", source), features: { x: column("id", "string") } });
    await expect(join(view)).rejects.toMatchObject({ code: "TIMESTAMP_INVALID", details: { row: 0 } });
  });

  it("stops under an aborted signal", async () => {
    const source = fromBatches("source", () => table.batches);
    const view = featureView({ ...base, source, features: { x: column("value", "int64") } });
    const signal = AbortSignal.abort(new Error("no longer wanted"));
    const asked = createFeatureStore({ views: [view] }).trainingSet({ labels, time: "at", features: ["v:x"], signal });
    await expect(asked).rejects.toThrow("no longer wanted");
  });

  it.each([
    [
      "throws",
      (): { y: number } => {
        throw new Error("no");
      },
    ],
    ["returns another type", (): { y: number } => ({ y: 1.5 })],
  ])("fails when compute %s", async (_, compute) => {
    const view = onDemand({ name: "o", input: { id: "string" }, output: { y: "int32" }, compute });
    await expect(join(view)).rejects.toMatchObject({ code: "ON_DEMAND_FAILED" });
  });
});

it("names the package that is not installed", async () => {
  const loading = loadDuckdb(() => Promise.reject(new Error("not found")));
  await expect(loading).rejects.toMatchObject({
    code: "ENGINE_NOT_INSTALLED",
    message: expect.stringContaining("^1.5.5-r.5") as string,
  });
});

describe("a vector", () => {
  const layout = new VectorLayout({
    a: column("a"),
    b: column("b", "string"),
    c: column("c", "int64"),
    d: column("d", "boolean"),
  });
  const stamp = { event: -5n, known: 6n, asOf: 7n };

  it("comes back as it was packed", () => {
    const read = layout.unpack(layout.pack([-0.5, "é\0", -(2n ** 63n), null], stamp));
    expect(["a", "b", "c", "d"].map((name) => read.get(name))).toEqual([-0.5, "é\0", -(2n ** 63n), null]);
    expect([read.event, read.known, read.asOf]).toEqual([-5n, 6n, 7n]);
  });

  it("is refused when it was cut or written with another layout", () => {
    const bytes = layout.pack([1, "long", 2n, true], stamp);
    const other = new VectorLayout({ a: column("a") });
    for (const read of [
      () => layout.unpack(bytes.subarray(0, 40)),
      () => layout.unpack(bytes.subarray(0, -1)).get("b"),
      () => other.unpack(bytes),
    ]) {
      expect(read).toThrow(expect.objectContaining({ code: "VECTOR_CORRUPT" }));
    }
  });
});

it("refuses to materialise a view of another store", async () => {
  const view = featureView({ ...base, features: { x: column("value", "int64") } });
  const asked = createFeatureStore({ views: [] as (typeof view)[] }).materialize(view, { until: 1 });
  await expect(asked).rejects.toMatchObject({ code: "MATERIALIZE_INVALID" });
});
