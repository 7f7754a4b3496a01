import { makeData, makeVector, type RecordBatch, TimestampNanosecond } from "apache-arrow";
import fc from "fast-check";
import { expect, it } from "vitest";
import { column } from "../define/column.ts";
import { entity } from "../define/entity.ts";
import { type FeatureView, featureView } from "../define/feature-view.ts";
import { arrow } from "../offline/arrow.ts";
import { memory } from "../online/memory.ts";
import type { OnlineEntry, OnlineStore } from "../online/port.ts";
import { fromBatches } from "../source/table-source.ts";
import { createFeatureStore } from "../store.ts";
import { arrowTable } from "../testing/tables.ts";
import { LatestVectors } from "./latest-vectors.ts";
import { createMaterializer } from "./materializer.ts";
import { createScanMaterializer } from "./scan-materializer.ts";
import { scanRows } from "./scan-rows.ts";

interface Row {
  readonly id: string | null;
  readonly event: number | null;
  readonly known: number | null;
  readonly value: number | null;
}

function batchOf(rows: readonly Row[]): RecordBatch {
  const table = arrowTable({
    id: ["string", rows.map(({ id }) => id)],
    event: ["timestamp", rows.map(({ event }) => event)],
    known: ["timestamp", rows.map(({ known }) => known)],
    value: ["float64", rows.map(({ value }) => value)],
    note: ["string", rows.map(({ value }) => (value === null ? null : "n".repeat(Math.abs(value))))],
  });
  return table.batches[0] as RecordBatch;
}

const viewOf = (batches: readonly RecordBatch[] | (() => Iterable<RecordBatch>), knownAt: boolean): FeatureView =>
  featureView({
    name: "v",
    entities: [entity({ name: "thing", key: { id: "string" } })],
    source: fromBatches("source", batches),
    eventTime: "event",
    ...(knownAt && { knownAt: "known" }),
    ttl: "1d",
    features: { value: column("value"), note: column("note", "string") },
  });

/** What a namespace has, by key. */
async function vectors(online: OnlineStore, namespace: string): Promise<[string, string][]> {
  const all: [string, string][] = [];
  for await (const page of online.scan(namespace)) {
    for (const { key, vector } of page)
      all.push([Buffer.from(key).toString("hex"), Buffer.from(vector).toString("hex")]);
  }
  return all.toSorted();
}

const moment = fc.integer({ min: 0, max: 6_000 });
const row = fc.record({
  id: fc.option(fc.constantFrom("a", "b", "c", "d"), { freq: 9 }),
  event: fc.option(moment, { freq: 9 }),
  known: fc.option(moment, { freq: 6 }),
  value: fc.option(fc.integer({ min: -5, max: 5 }), { freq: 5 }),
});

it("writes by scans what a timeline of all rows writes, step by step", async () => {
  const cases = fc.record({
    batches: fc.array(fc.array(row, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 5 }),
    knownAt: fc.boolean(),
    from: fc.constantFrom(-Infinity, 2),
    steps: fc.uniqueArray(fc.integer({ min: 2, max: 7 }), { minLength: 1, maxLength: 3 }),
  });
  const same = fc.asyncProperty(cases, async ({ batches, knownAt, from, steps }) => {
    const view = viewOf(batches.map(batchOf), knownAt);
    const online = memory();
    const onIgnored = (): void => undefined;
    const byScans = createScanMaterializer(view, online, { from, limit: 7, namespace: "scans", onIgnored });
    const timeline = await arrow().timeline(view, {});
    const byTimeline = createMaterializer(view, timeline, online, { from, limit: 7, namespace: "timeline" });
    for (const until of steps.toSorted((a, b) => a - b)) {
      expect(await byScans.advance(until)).toEqual(await byTimeline.advance(until));
      expect(await vectors(online, "scans")).toEqual(await vectors(online, "timeline"));
      expect(await online.watermark("scans")).toBe(until);
    }
  });
  await expect(fc.assert(same, { numRuns: 150 })).resolves.toBeUndefined();
});

const many = 50_000;
const manyRows = (shift: number): Row[] =>
  Array.from({ length: many }, (_, i) => ({
    id: `thing ${(i * 7919) % many}`,
    event: i + shift,
    known: 0,
    value: shift,
  }));

it("keeps to its memory by several scans, and writes each key once, with its last row", async () => {
  // Rows of each key lie far apart: the later ones come in the last batch.
  const batches = [0, 3, 1].map((shift) => batchOf(manyRows(shift)));
  let scans = 0;
  const view = viewOf(() => (scans++, batches), false);
  const inner = memory();
  const written: OnlineEntry[] = [];
  const online: OnlineStore = {
    ...inner,
    write: async (namespace, entries, options) => {
      written.push(...entries);
      await inner.write(namespace, entries, options);
    },
  };
  await using store = createFeatureStore({ views: [view], online });
  const result = await store.materialize(view, { until: many, memoryBytes: 4 * 1024 * 1024 });
  expect(result).toEqual({ written: many, watermark: many });
  expect(scans).toBeGreaterThan(2);
  expect(new Set(written.map(({ key }) => Buffer.from(key).toString("hex"))).size).toBe(written.length);
  const entities = Array.from({ length: many }, (_, i) => ({ id: `thing ${i}` }));
  const rows = await store.read({ entities, features: ["v:value", "v:note"], at: many });
  expect(rows.every((each) => each["v:value"]?.value === 3 && each["v:note"]?.value === "nnn")).toBe(true);
  const little = store.materialize(view, { until: many + 1, memoryBytes: 1024 });
  await expect(little).rejects.toMatchObject({ code: "MATERIALIZE_INVALID", details: { value: 1024 } });
});

it("holds no more than its keys take, however many rows replace what it has", async () => {
  const view = viewOf(() => Array.from({ length: 20 }, (_, i) => batchOf(manyRows(i + 1).slice(0, 10_000))), false);
  const latest = new LatestVectors({ from: -Infinity, until: Infinity }, { start: 0, end: 2 ** 32 });
  let most = 0;
  for await (const rows of scanRows(view, 0, undefined)) {
    latest.add(rows);
    if (latest.byteLength > 5 * 1024 * 1024) latest.shrink();
    most = Math.max(most, latest.byteLength);
  }
  // Its strings grow by one letter a batch: each takes a new place, and the old ones are given back.
  expect(latest.range).toEqual({ start: 0, end: 2 ** 32 });
  expect(most).toBeLessThan(6 * 1024 * 1024);
  expect(latest.changed()).toHaveLength(10_000);
});

it("is as before when the source fails in mid-scan", async () => {
  let fails = true;
  const view = viewOf(function* () {
    yield batchOf(manyRows(0).slice(0, 100));
    if (fails) throw new Error("the disk is away");
  }, false);
  await using store = createFeatureStore({ views: [view] });
  await expect(store.materialize(view, { until: 10 })).rejects.toThrow("the disk is away");
  expect(await store.watermark(view)).toBeUndefined();
  fails = false;
  expect(await store.materialize(view, { until: 10 })).toEqual({ written: 100, watermark: 10 });
});

it("names the row of the source whose time cannot be read", async () => {
  const good = batchOf(manyRows(0).slice(0, 3));
  const event = makeVector(
    makeData({ type: new TimestampNanosecond("UTC"), length: 3, data: BigInt64Array.of(1000n, 1001n, 0n) }),
  );
  const bad = good.setChild("event", event);
  await using store = createFeatureStore({ views: [viewOf([good, bad], false)] });
  await expect(store.materialize(store.views[0], { until: 10 })).rejects.toMatchObject({
    code: "TIMESTAMP_INVALID",
    details: { column: "event", row: 4 },
  });
});
