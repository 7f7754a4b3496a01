import type { RecordBatch } from "apache-arrow";
import fc from "fast-check";
import { expect, it } from "vitest";
import { column } from "../define/column.ts";
import { entity } from "../define/entity.ts";
import { type FeatureView, featureView } from "../define/feature-view.ts";
import { vector } from "../define/value-type.ts";
import { count, last, lastNonNull, sum, window } from "../define/window.ts";
import { readColumn } from "../offline/arrow-columns.ts";
import { arrow } from "../offline/arrow.ts";
import type { ColumnData } from "../offline/column-data.ts";
import { memory } from "../online/memory.ts";
import type { OnlineStore } from "../online/port.ts";
import { fromRows } from "../source/rows.ts";
import { fromBatches } from "../source/table-source.ts";
import { createFeatureStore } from "../store.ts";
import { arrowTable } from "../testing/tables.ts";
import { concat, pick } from "../offline/column-pieces.ts";
import { GatheredRows } from "./gathered-rows.ts";
import { allHashes } from "./hash-range.ts";
import { createMaterializer } from "./materializer.ts";
import { scanColumns } from "./scan-rows.ts";
import { createShareMaterializer } from "./share-materializer.ts";

/** The values of a column, whatever its kind. */
function valuesOf(data: ColumnData): unknown[] {
  return Array.from({ length: data.values.length }, (_, row) => {
    if (data.valid?.[row] === 0) return null;
    return data.kind === "string" ? data.dictionary[data.values[row] as number] : data.values[row];
  });
}

const columns = {
  string: ["string", fc.constantFrom("a", "b", "é", "")],
  int64: ["int64", fc.constantFrom(1n, -5n, 2n ** 60n)],
  float64: ["float64", fc.double()],
  timestamp: ["timestamp", fc.integer()],
} as const;

it.each(Object.entries(columns))("picks rows of %s columns, and puts pieces of them together", (_, [type, value]) => {
  const pieces = fc.array(
    fc.array(fc.record({ cell: fc.option(value as fc.Arbitrary<unknown>), kept: fc.boolean() }), { minLength: 1 }),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(pieces, (given) => {
      const read = given.map((rows) => {
        const table = arrowTable({ c: [type, rows.map(({ cell }) => cell as number)] });
        return readColumn(table.batches, "c", "t");
      });
      const rowsOf = (at: number): Uint32Array =>
        Uint32Array.from((given[at] ?? []).flatMap(({ kept }, row) => (kept ? [row] : [])));
      const whole = concat(read.map((piece, at) => pick(piece, rowsOf(at))));
      const wanted = read.flatMap((piece, at) => valuesOf(piece).filter((_value, row) => given[at]?.[row]?.kept));
      // An integer is a bigint in a column that has one beyond 2^53.
      const same = (each: unknown): unknown => (type === "int64" && each !== null ? BigInt(each as bigint) : each);
      expect(valuesOf(whole).map(same)).toEqual(wanted.map(same));
    }),
  );
});

const rows = 24_000;
const keys = 8_000;

/** Rows of each key lie far apart, with a text of their own each. */
function batches(): RecordBatch[] {
  const numbers = Array.from({ length: rows }, (_, i) => i);
  return Array.from({ length: 3 }, (_, part) => {
    const own = numbers.slice((part * rows) / 3, ((part + 1) * rows) / 3);
    return arrowTable({
      thing: ["string", own.map((i) => `thing ${(i * 7919) % keys}`)],
      event: ["timestamp", own.map((i) => ((i * 31) % rows) * 1000)],
      value: ["float64", own.map((i) => (i % 11 === 0 ? null : i / 7))],
      note: ["string", own.map((i) => `note ${i} ${"n".repeat(i % 400)}`)],
    }).batches[0] as RecordBatch;
  });
}

const viewOf = (source: () => Iterable<RecordBatch>): FeatureView =>
  featureView({
    name: "v",
    entities: [entity({ name: "thing", key: { thing: "string" } })],
    source: fromBatches("source", source),
    eventTime: "event",
    ttl: "1d",
    features: {
      value: column("value"),
      note: column("note", "string"),
      count: window("30s", count()),
      sum: window("20s", sum("value")),
      last: window("10s", last("note", "string")),
      seen: lastNonNull("value", { maxAge: "40s" }),
    },
  });

async function vectors(online: OnlineStore, namespace: string): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for await (const page of online.scan(namespace)) {
    for (const { key, vector: bytes } of page) {
      all.set(Buffer.from(key).toString("latin1"), Buffer.from(bytes).toString("base64"));
    }
  }
  return all;
}

it("materialises windows share by share as it does from a timeline of all rows, within its memory", async () => {
  const made = batches();
  let scans = 0;
  const view = viewOf(() => (scans++, made));
  const online = memory();
  const stores = { offline: arrow(), online };
  const options = { from: -Infinity, limit: Infinity, onIgnored: () => undefined };
  const memoryBytes = 4 * 1024 * 1024;
  const byShares = createShareMaterializer(view, stores, { ...options, namespace: "shares", memoryBytes });
  const timeline = await stores.offline.timeline(view, {});
  const whole = createMaterializer(view, timeline, online, { ...options, namespace: "whole" });
  scans = 0;
  for (const until of [20_000, 45_000, 61_000]) {
    expect(await byShares.advance(until)).toEqual(await whole.advance(until));
    expect(await online.watermark("shares")).toBe(until);
    const [shares, all] = [await vectors(online, "shares"), await vectors(online, "whole")];
    expect(shares.size).toBe(all.size);
    for (const [key, bytes] of all) if (shares.get(key) !== bytes) throw new Error(`${key} differs`);
  }
  // One that finds that it is too large, and then one for each share and step.
  expect(scans).toBeGreaterThanOrEqual(1 + 3 * 2);
  expect((scans - 1) % 3).toBe(0);
  const little = createShareMaterializer.bind(null, view, stores, { ...options, namespace: "x", memoryBytes: 1 });
  expect(little).toThrow(expect.objectContaining({ code: "MATERIALIZE_INVALID" }));
}, 60_000);

it("reads a source once for the steps of a backfill where its rows fit, and is as before when a scan fails", async () => {
  const made = batches();
  let scans = 0;
  let fails = true;
  const view = viewOf(function* () {
    scans++;
    yield* made.slice(0, 2);
    if (fails) throw new Error("the disk is away");
    yield* made.slice(2);
  });
  await using store = createFeatureStore({ views: [view] });
  await expect(store.materialize(view, { until: 61_000 })).rejects.toThrow("the disk is away");
  expect(await store.watermark(view)).toBeUndefined();
  fails = false;
  scans = 0;
  expect(await store.backfill(view, { until: 61_000 })).toMatchObject({ watermark: 61_000 });
  // Once for its first event.
  expect(scans).toBe(2);
  expect(await store.checkParity(view)).toMatchObject({ different: 0 });
});

it("takes flags, vectors and integers beyond 2^53, in pieces of which some have none", async () => {
  const things = [
    { id: 1n, at: new Date(1), embedding: Float32Array.of(1, 2), flag: true, big: 3n },
    { id: 2n ** 60n, at: new Date(2), embedding: null, flag: false, big: 2n ** 61n },
    { id: 1n, at: new Date(3), embedding: Float32Array.of(3, 4), flag: null, big: null },
  ];
  const all = fromRows(
    "source",
    things.map((thing) => ({ ...thing, embedding: thing.embedding ?? Float32Array.of(0, 0) })),
  );
  const source = fromBatches("source", async function* () {
    for await (const batch of all.scan({})) for (let i = 0; i < 3; i++) yield batch.slice(i, i + 1);
  });
  const view = featureView({
    name: "v",
    entities: [entity({ name: "thing", key: { id: "int64" } })],
    source,
    eventTime: "at",
    ttl: "1d",
    features: {
      embedding: column("embedding", vector(2)),
      flag: column("flag", "boolean"),
      big: column("big", "int64"),
      count: window("1h", count()),
    },
  });
  const online = memory();
  const rows = new GatheredRows(view, allHashes);
  for await (const scanned of scanColumns(view, undefined)) rows.add(scanned);
  const range = { from: -Infinity, limit: Infinity };
  await createMaterializer(view, rows.timeline(), online, range).advance(10);
  await using store = createFeatureStore({ views: [view], online });
  const entities = [{ id: 1n }, { id: 2n ** 60n }];
  const [first, second] = await store.read({ entities, features: ["v:*"], at: 10 });
  expect(first).toMatchObject({
    "v:embedding": { value: Float32Array.of(3, 4) },
    "v:flag": { status: "NULL" },
    "v:big": { status: "NULL" },
    "v:count": { value: 2 },
  });
  expect(second).toMatchObject({ "v:flag": { value: false }, "v:big": { value: 2n ** 61n }, "v:count": { value: 1 } });
});
