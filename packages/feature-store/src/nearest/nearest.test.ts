import { manualClock } from "@ashlar/core/memory";
import fc from "fast-check";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, expectTypeOf, it, onTestFinished } from "vitest";
import {
  arrow,
  column,
  count,
  createFeatureStore,
  entity,
  featureView,
  fromRows,
  memory,
  type OnlineStore,
  vector,
  window,
} from "../index.ts";
import { duckdb } from "../offline/duckdb.ts";
import { lmdb } from "../online/lmdb.ts";
import { sqlite } from "../online/sqlite.ts";
import { createFeatureClient } from "../client/index.ts";
import { entityKey, keyParts } from "../online/entity-key.ts";
import type { Metric } from "./metric.ts";

const dimensions = 4;
const item = entity({ name: "item", key: { shop: "int64", item: "string" } });
interface Item {
  readonly shop: bigint;
  readonly item: string;
  readonly at: Date;
  readonly embedding: Float32Array | null;
  readonly price: number;
}
const shared = { entities: [item], eventTime: "at", ttl: "1h" } as const;
const viewOf = (rows: readonly Item[]) =>
  featureView({
    ...shared,
    name: "items",
    source: fromRows(
      "items",
      rows.map((row, i) => ({ id: `${i}`, ...row })),
    ),
    features: { price: column("price"), embedding: column("embedding", vector(dimensions)) },
  });
const now = 3_600_000;
const clock = manualClock(now);
// Few values, so that scores are often equal.
const number = fc.constantFrom(-1, -0.5, 0, 0.25, 1, 3);
const embedding = fc.array(number, { minLength: dimensions, maxLength: dimensions });
const rowsOf = fc.uniqueArray(
  fc.record({
    shop: fc.constantFrom(-1n, 7n, 2n ** 60n),
    item: fc.constantFrom("a", "b", "ü", "", "long".repeat(20)),
    minutes: fc.integer({ min: -10, max: 60 }),
    embedding: fc.option(embedding, { freq: 6 }),
    price: fc.integer({ min: 0, max: 5 }),
  }),
  { selector: (row) => `${row.shop} ${row.item}`, maxLength: 15 },
);

/** By what the words say: all pairs, then a sort by score and key. */
function naive(rows: readonly Item[], wanted: readonly number[], k: number, metric: Metric, most: number): unknown[] {
  const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
  const norm = (a: readonly number[]): number => Math.sqrt(dot(a, a));
  const score = (a: readonly number[]): number => {
    if (metric === "dot") return dot(a, wanted);
    if (metric === "l2") return Math.sqrt(a.reduce((sum, x, i) => sum + (x - (wanted[i] ?? 0)) ** 2, 0));
    return norm(a) * norm(wanted) === 0 ? 0 : dot(a, wanted) / (norm(a) * norm(wanted));
  };
  return rows
    .filter((row) => row.embedding !== null && now - row.at.getTime() <= 3_600_000 && row.price <= most)
    .map((row) => ({ row, key: entityKey([exact(row.shop), row.item]), score: score([...(row.embedding ?? [])]) }))
    .sort((a, b) =>
      a.score === b.score ? Buffer.compare(a.key, b.key) : (a.score - b.score) * (metric === "l2" ? 1 : -1),
    )
    .slice(0, k)
    .map(({ row, score: found }) => ({
      entity: { shop: exact(row.shop), item: row.item },
      score: found,
      price: row.price,
    }));
}

const exact = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

describe("the nearest", () => {
  it.each(["cosine", "dot", "l2"] as const)(
    "by %s are those that a naive search finds, in its order",
    async (metric) => {
      await fc.assert(
        fc.asyncProperty(
          rowsOf,
          embedding,
          fc.integer({ min: 1, max: 20 }),
          fc.integer({ min: 0, max: 5 }),
          async (drawn, wanted, k, most) => {
            const rows = drawn.map(({ minutes, embedding: numbers, ...row }): Item => ({
              ...row,
              at: new Date(minutes * 60_000),
              embedding: numbers === null ? null : Float32Array.from(numbers),
            }));
            if (rows.every((row) => row.embedding === null)) return;
            const view = viewOf(rows);
            const store = createFeatureStore({ views: [view], clock });
            await store.materialize(view, { until: now });
            const filter = ({ value }: { value(feature: string): unknown }): boolean => Number(value("price")) <= most;
            const found = await store.nearest(view, { vector: wanted, k, metric, filter });
            expect(
              found.map(({ entity: who, score, values }) => ({ entity: who, score, price: values["price"] })),
            ).toEqual(naive(rows, wanted, k, metric, most));
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  it.each(["memory", "sqlite", "lmdb"])("on %s stay right while rows are written", async (kind) => {
    const folder = await mkdtemp(join(tmpdir(), "ashlar-nearest-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const path = join(folder, "online");
    const online: OnlineStore = kind === "memory" ? memory() : kind === "lmdb" ? lmdb({ path }) : sqlite({ path });
    const rows = Array.from({ length: 3_000 }, (_, i): Item => ({
      shop: BigInt(i),
      item: "x",
      at: new Date(i * 1000),
      embedding: Float32Array.from([i, 1, 0, 0]),
      price: i,
    }));
    const view = viewOf(rows);
    await using store = createFeatureStore({ views: [view], online, clock });
    const stepper = await store.materializer(view);
    await stepper.advance(1_500_000);
    const moving = stepper.advance(2_999_000);
    // One that nobody writes is always found, whatever is written meanwhile.
    for (let turn = 0; turn < 5; turn++) {
      const [first] = await store.nearest(view, { vector: [700, 1, 0, 0], k: 1, metric: "l2" });
      expect(first).toMatchObject({ entity: { shop: 700, item: "x" }, score: 0 });
    }
    await moving;
    const all = await store.nearest(view, { vector: [2999, 1, 0, 0], k: 3, metric: "l2" });
    expect(all.map(({ entity: who, score }) => [who?.["shop"], score])).toEqual([
      [2999, 0],
      [2998, 1],
      [2997, 2],
    ]);
  });

  it("are of what was pushed, as soon as the push resolves", async () => {
    const view = featureView({
      name: "pushed",
      entities: [item],
      source: fromRows("items", []),
      eventTime: "at",
      ttl: "1h",
      push: { id: "id" },
      features: { embedding: column("embedding", vector(dimensions)), events_1h: window("1h", count()) },
    });
    const store = createFeatureStore({ views: [view], clock });
    const event = (id: string, name: string, numbers: number[] | null, minutes = 50) => ({
      id,
      shop: 1n,
      item: name,
      at: new Date(minutes * 60_000),
      embedding: numbers === null ? null : Float32Array.from(numbers),
    });
    await store.push(view, [event("1", "a", [1, 0, 0, 0]), event("2", "b", [0, 1, 0, 0])]);
    const find = async () =>
      (await store.nearest(view, { vector: [0.9, 0.1, 0, 0], k: 5 })).map(({ entity: who }) => who?.["item"]);
    expect(await find()).toEqual(["a", "b"]);
    await store.push(view, [event("3", "a", [-1, 0, 0, 0], 51)]);
    expect(await find()).toEqual(["b", "a"]);
    await store.push(view, [event("4", "b", null, 52)]);
    expect(await find()).toEqual(["a"]);
    const [first] = await store.nearest(view, { vector: [1, 0, 0, 0], k: 1 });
    // Windows are computed by a read, and are not stored.
    expect(Object.keys(first?.values ?? {})).toEqual(["embedding"]);
    const wrong = store.push(view, [event("5", "a", [1, 0], 53)]);
    await expect(wrong).rejects.toMatchObject({ code: "VALUE_OUT_OF_RANGE" });
    const infinite = store.push(view, [event("6", "a", [1, 0, 0, Number.POSITIVE_INFINITY], 53)]);
    await expect(infinite).rejects.toMatchObject({ code: "VALUE_OUT_OF_RANGE" });
  });

  it("refuse a vector of another length, a bad k, metric and feature", async () => {
    const view = viewOf([]);
    const two = featureView({
      ...shared,
      name: "two",
      source: view.source,
      features: { a: column("a", vector(2)), b: column("b", vector(3)), price: column("price") },
    });
    const store = createFeatureStore({ views: [view, two] });
    const invalid = { code: "REQUEST_INVALID" };
    const ask = { vector: [1, 2, 3, 4], k: 1 } as const;
    for (const wrong of [
      { vector: [1] },
      { vector: [1, 2, 3, Number.NaN] },
      { k: 0 },
      { k: 10_001 },
      { metric: "l1" as "l2" },
    ]) {
      await expect(store.nearest(view, { ...ask, ...wrong })).rejects.toMatchObject(invalid);
    }
    await expect(store.nearest(two, { vector: [1, 2], k: 1 })).rejects.toMatchObject(invalid);
    expect(await store.nearest(two, { vector: [1, 2], k: 1, feature: "a" })).toEqual([]);
    // @ts-expect-error -- the price is no vector
    await expect(store.nearest(two, { vector: [1, 2], k: 1, feature: "price" })).rejects.toMatchObject(invalid);
  });
});

describe("a vector feature", () => {
  const rows: readonly Item[] = [
    { shop: 1n, item: "a", at: new Date(1000), embedding: Float32Array.from([1, 0.1, -0, 4]), price: 1 },
    { shop: 1n, item: "a", at: new Date(3000), embedding: null, price: 2 },
    { shop: 1n, item: "b", at: new Date(2000), embedding: Float32Array.from([0, 0, 0, 1e-30]), price: 3 },
  ];
  const labels = fromRows(
    "labels",
    [1000, 2000, 3000].flatMap((at) => ["a", "b"].map((name) => ({ shop: 1n, item: name, at: new Date(at) }))),
  );

  it("is joined as the other features are, by both engines to one digest", async () => {
    const view = viewOf(rows);
    const request = { labels, time: "at", features: ["items:*"], leakReport: true } as const;
    const sets = await Promise.all(
      [arrow(), duckdb()].map((offline) => createFeatureStore({ views: [view], offline }).trainingSet(request)),
    );
    expect(sets[0]?.digest).toBe(sets[1]?.digest);
    expect([0, 1, 2, 3, 4, 5].map((row) => sets[0]?.row(row)["items:embedding"])).toEqual([
      Float32Array.from([1, 0.1, -0, 4]),
      null,
      Float32Array.from([1, 0.1, -0, 4]),
      Float32Array.from([0, 0, 0, 1e-30]),
      null,
      Float32Array.from([0, 0, 0, 1e-30]),
    ]);
    const table = await sets[0]?.table();
    expect(String(table?.getChild("items:embedding")?.type)).toBe("List<Float32>");
    expectTypeOf(sets[0]!.row(0)["items:embedding"]).toEqualTypeOf<Float32Array | null>();
  });

  it("is served as it is, by read, by columns, in JSON and in Arrow", async () => {
    const view = viewOf(rows);
    const store = createFeatureStore({ views: [view], clock });
    await store.materialize(view, { until: 2500 });
    const request = { entities: [{ shop: 1, item: "a" }], features: ["items:*"] } as const;
    const read = await store.read(request);
    expect(read[0]?.["items:embedding"]).toMatchObject({ status: "PRESENT", value: rows[0]?.embedding });
    expect((await store.readColumns(request)).rows()).toEqual(read);
    const handler = store.handler();
    for (const format of ["json", "arrow"] as const) {
      const fetch = async (url: string, init: RequestInit): Promise<Response> => handler(new Request(url, init));
      const client = createFeatureClient<readonly [typeof view]>({ url: "http://host", format, fetch: fetch as never });
      const [row] = await client.read(request);
      // JSON has no negative zero.
      expect([...(row?.["items:embedding"].value ?? [])].map((each) => each + 0)).toEqual(
        [...(rows[0]?.embedding ?? [])].map((each) => each + 0),
      );
    }
    expect((await store.checkParity(view)).different).toBe(0);
  });

  it("of other lengths is refused by the join, and of odd dimensions by the definition", async () => {
    const odd = viewOf([{ ...(rows[0] as Item), embedding: Float32Array.from([1, 2]) }]);
    const set = createFeatureStore({ views: [odd] }).trainingSet({ labels, time: "at", features: ["items:*"] });
    await expect(set).rejects.toMatchObject({ code: "VALUE_OUT_OF_RANGE" });
    for (const type of [vector(0), vector(1.5), vector(70_000)]) {
      const define = (): unknown =>
        featureView({ ...shared, name: "items", source: odd.source, features: { e: column("e", type) } });
      expect(define).toThrow(expect.objectContaining({ code: "DEFINITION_INVALID" }));
    }
    const windowed = featureView({
      ...shared,
      name: "items",
      source: odd.source,
      features: { n: window("1h", { aggregate: "countDistinct", column: "embedding", type: "int32" }) },
    });
    const counted = createFeatureStore({ views: [windowed] }).trainingSet({
      labels,
      time: "at",
      features: ["items:n"],
    });
    await expect(counted).rejects.toMatchObject({ code: "COLUMN_TYPE_MISMATCH" });
  });
});

it("reads keys back from their bytes", () => {
  const part = fc.oneof(
    fc.string(),
    fc.constantFrom("", "ü", "\u{1F600}", "\u0000"),
    fc.boolean(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(exact),
  );
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
      const key = entityKey(parts);
      expect(keyParts(key)).toEqual(
        key[0] === 255
          ? undefined
          : parts.map((each) => (typeof each === "string" ? Buffer.from(each).toString() : each)),
      );
    }),
    { numRuns: 40 },
  );
  expect(keyParts(entityKey(["x".repeat(600)]))).toBeUndefined();
  expect(() => keyParts(Uint8Array.of(1, 9, 0, 0, 0, 1))).toThrow(expect.objectContaining({ code: "VECTOR_CORRUPT" }));
});
