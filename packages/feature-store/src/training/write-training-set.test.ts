import { type RecordBatch, type Table, tableFromIPC } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  arrow,
  arrowStream,
  column,
  count,
  createFeatureStore,
  entity,
  featureView,
  fromBatches,
  fromRows,
  fromTable,
  type Labels,
  onDemand,
  type OfflineEngine,
  parquetFile,
  type TrainingSink,
  vector,
  window,
} from "../index.ts";
import { duckdb } from "../offline/duckdb.ts";
import { arrowTable } from "../testing/tables.ts";

const second = 1_000_000;

/** Keeps batches when all have come. */
class KeepingSink implements TrainingSink {
  kept: RecordBatch[] | undefined;

  async append(batches: AsyncIterable<RecordBatch>): Promise<void> {
    const coming: RecordBatch[] = [];
    for await (const batch of batches) coming.push(batch);
    this.kept = coming;
  }
}

const names = ["ann", "bob", "cid", "zoë"];
const events = Array.from({ length: 60 }, (_, i) => i);
const view = (values: readonly (string | null)[]) =>
  featureView({
    name: "v",
    entities: [entity({ name: "user", key: { user: "string" } })],
    source: fromTable(
      "events",
      arrowTable({
        user: ["string", events.map((i) => names[i % 3] ?? null)],
        at: ["timestamp", events.map((i) => i * second)],
        known: ["timestamp", events.map((i) => (i + (i % 7)) * second)],
        text: ["string", events.map((i) => values[i % values.length] ?? null)],
        n: ["int64", events.map(BigInt)],
      }),
    ),
    eventTime: "at",
    knownAt: "known",
    ttl: "20s",
    features: { text: column("text", "string"), n: column("n", "int64"), rows: window("9s", count()) },
  });
const calendar = onDemand({
  name: "calendar",
  input: { at: "timestamp" },
  output: { second: "int32" },
  compute: ({ at }) => ({ second: Number(at / 1_000_000n) }),
});
const features = ["v:*", "calendar:second"] as const;

interface Label {
  readonly user: string | null;
  readonly time: number;
}

const labelTable = (labels: readonly Label[]): Table =>
  arrowTable({
    user: ["string", labels.map(({ user }) => user)],
    time: ["timestamp", labels.map(({ time }) => time * second)],
    weight: ["int64", labels.map((_, i) => (i % 5 === 0 ? null : BigInt(i) * (i > 100 ? 2n ** 55n : 1n)))],
  });

/** The table in batches of the sizes given, again and again. */
function cut(table: Table, sizes: readonly number[]): RecordBatch[] {
  const [whole] = table.batches as [RecordBatch];
  const batches: RecordBatch[] = [];
  for (let at = 0, i = 0; at < whole.numRows; i++) {
    const end = Math.min(whole.numRows, at + (sizes[i % sizes.length] ?? 1));
    batches.push(whole.slice(at, end));
    at = end;
  }
  return batches.length === 0 ? [whole] : batches;
}

async function* iterated(batches: readonly RecordBatch[]): AsyncIterable<RecordBatch> {
  yield* batches;
}

const rowsOf = (batches: readonly RecordBatch[]): unknown[] =>
  batches.flatMap((batch) => Array.from({ length: batch.numRows }, (_, row) => ({ ...batch.get(row)?.toJSON() })));

const label = fc.record({ user: fc.constantFrom(...names, null), time: fc.integer({ min: -3, max: 80 }) });
const engines: readonly (readonly [string, () => OfflineEngine, number])[] = [
  ["arrow()", arrow, 25],
  ["duckdb()", () => duckdb({ threads: 1 }), 5],
];

describe.each(engines)("a training set written by %s", (_, engine, numRuns) => {
  it("is the one in memory, row for row, from every frame and in parts of any size", async () => {
    const offline = engine();
    const store = createFeatureStore({ views: [view(["x", null, "y"]), calendar], offline });
    const proof = fc.assert(
      fc.asyncProperty(
        fc.array(label, { maxLength: 200 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 4 }),
        fc.constantFrom(1, 64, 128, undefined),
        async (labels, sizes, rowsPerPart) => {
          const table = labelTable(labels);
          const ask = { features, leakReport: true } as const;
          const set = await store.trainingSet({ ...ask, labels: table });
          const batches = cut(table, sizes);
          const frames: (() => Labels)[] = [() => table, () => fromBatches("labels", batches), () => iterated(batches)];
          for (const frame of frames) {
            const to = new KeepingSink();
            const part = rowsPerPart === undefined ? {} : { rowsPerPart };
            const { digest, rows, columns, leakReport } = await store.writeTrainingSet({
              ...ask,
              ...part,
              labels: frame(),
              to,
            });
            expect({ digest, rows, columns, leakReport }).toEqual({
              digest: set.digest,
              rows: set.rows,
              columns: set.columns,
              leakReport: set.leakReport,
            });
            expect(rowsOf(to.kept ?? [])).toEqual(rowsOf((await set.table()).batches));
          }
        },
      ),
      { numRuns },
    );
    await expect(proof).resolves.toBeUndefined();
    await offline[Symbol.asyncDispose]?.();
  }, 60_000);

  it("has vectors in every part", async () => {
    const source = fromRows(
      "places",
      events.map((i) => ({
        user: names[i % 3] ?? null,
        at: new Date(i * 1000),
        place: i % 4 === 0 ? null : new Float32Array([i, 0.5]),
      })),
    );
    const placed = featureView({
      name: "p",
      entities: [entity({ name: "user", key: { user: "string" } })],
      source,
      eventTime: "at",
      ttl: "forever",
      features: { place: column("place", vector(2)) },
    });
    await using store = createFeatureStore({ views: [placed], offline: engine() });
    const many = labelTable(events.flatMap((time) => names.map((user) => ({ user, time }))));
    const to = new KeepingSink();
    const ask = { labels: many, features: ["p:*"] } as const;
    const { digest } = await store.writeTrainingSet({ ...ask, rowsPerPart: 64, to });
    const set = await store.trainingSet(ask);
    expect(digest).toBe(set.digest);
    const plain = (rows: unknown[]): string =>
      JSON.stringify(rows, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
    expect(plain(rowsOf(to.kept ?? []))).toBe(plain(rowsOf((await set.table()).batches)));
  });

  it("streams as Arrow of one schema, whatever the parts", async () => {
    const labels = labelTable(events.flatMap((time) => names.map((user) => ({ user, time }))));
    const store = createFeatureStore({ views: [view(["x", "y", null]), calendar], offline: engine() });
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const read = tableFromIPC(readable);
    const { digest } = await store.writeTrainingSet({ labels, features, rowsPerPart: 64, to: arrowStream(writable) });
    const set = await store.trainingSet({ labels, features });
    expect(rowsOf((await read).batches)).toEqual(rowsOf((await set.table()).batches));
    expect(digest).toBe(set.digest);
    await store[Symbol.asyncDispose]();
  });

  it("leaves nothing in the sink when a later part is refused, and names the label among all", async () => {
    const labels = arrowTable({
      user: ["string", events.map(() => "ann")],
      time: ["timestamp", events.map((i) => (i === 50 ? null : i))],
    });
    const batches = cut(labels, [20]);
    const many = [...batches, ...batches];
    const store = createFeatureStore({ views: [view(["x"])], offline: engine() });
    const to = new KeepingSink();
    for (const frame of [fromBatches("labels", many), iterated(many)]) {
      const written = store.writeTrainingSet({ labels: frame, features: ["v:n"], rowsPerPart: 64, to });
      await expect(written).rejects.toMatchObject({ code: "LABEL_TIME_NULL", details: { row: 50 } });
    }
    expect(to.kept).toBeUndefined();
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const reading = new Response(readable).arrayBuffer();
    const written = store.writeTrainingSet({
      labels: iterated(many),
      features: ["v:n"],
      rowsPerPart: 64,
      to: arrowStream(writable),
    });
    await Promise.all([
      expect(written).rejects.toMatchObject({ code: "LABEL_TIME_NULL" }),
      expect(reading).rejects.toMatchObject({ code: "LABEL_TIME_NULL" }),
    ]);
    await store[Symbol.asyncDispose]();
  });

  it("is made again into a sink, to the same bytes, and not at all when rows changed", async () => {
    const labels = labelTable(events.flatMap((time) => names.map((user) => ({ user, time }))));
    const bytes: Uint8Array[] = [];
    // The file of an encoder that writes Arrow: of real Parquet codecs the interop tests tell.
    const objects = { put: async (_key: string, body: unknown) => void bytes.push(body as Uint8Array) as never };
    const codec = { create: async () => new ArrowEncoding() };
    const to = parquetFile({ objects, key: "set.parquet", codec });
    const make = (values: readonly string[]) => createFeatureStore({ views: [view(values)], offline: engine() });
    await using store = make(["x", "y"]);
    const ask = { features: ["v:*"], rowsPerPart: 64 } as const;
    const { manifest } = await store.writeTrainingSet({ ...ask, labels, to });
    const kept = JSON.parse(JSON.stringify(manifest)) as typeof manifest;
    const again = await store.replay(kept, { labels, to, rowsPerPart: 64 });
    expect(again.manifest).toEqual(manifest);
    expect(bytes).toHaveLength(2);
    expect(Buffer.from(bytes[0] as Uint8Array).equals(bytes[1] as Uint8Array)).toBe(true);
    await using other = make(["x", "z"]);
    await expect(other.replay(kept, { labels, to, rowsPerPart: 64 })).rejects.toMatchObject({
      code: "REPLAY_MISMATCH",
    });
    expect(bytes).toHaveLength(2);
  });
});

class ArrowEncoding {
  readonly #batches: RecordBatch[] = [];

  async write(batch: RecordBatch): Promise<void> {
    this.#batches.push(batch);
  }

  async finish(): Promise<{ body: Uint8Array }> {
    const rows = rowsOf(this.#batches);
    const text = JSON.stringify(rows, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
    return { body: Buffer.from(text) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#batches.length = 0;
  }
}
