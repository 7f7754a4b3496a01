import { column, createFeatureStore, entity, featureView, fromBatches, type OnlineStore } from "@ashlar/feature-store";
import { lmdb } from "@ashlar/feature-store/lmdb";
import { redis } from "@ashlar/feature-store/redis";
import { Field, Float64, Int64, makeData, RecordBatch, Schema, Struct, TimestampMicrosecond } from "apache-arrow";

// Usage: node materialize-child.ts redis|lmdb URL|PATH ROWS. Brings as many entities online, and prints what it took.

const [kind = "lmdb", place = "", count = "3000000"] = process.argv.slice(2);
const rows = Number(count);
const features = ["f0", "f1", "f2", "f3"];
const rowsPerBatch = 65_536;

const types = [new Int64(), new TimestampMicrosecond("UTC"), ...features.map(() => new Float64())];
const schema = new Schema(["id", "at", ...features].map((name, i) => new Field(name, types[i] as Int64, false)));

/** One row per entity, made as it is read. */
function* batches(): Iterable<RecordBatch> {
  for (let start = 0; start < rows; start += rowsPerBatch) {
    const length = Math.min(rowsPerBatch, rows - start);
    // By words: a bigint for each would be most of the work.
    const words = new Int32Array(2 * length);
    for (let i = 0; i < length; i++) words[2 * i] = start + i;
    const ids = new BigInt64Array(words.buffer);
    const numbers = features.map((_, k) => {
      const values = new Float64Array(length);
      for (let i = 0; i < length; i++) values[i] = (start + i + k) / 7;
      return values;
    });
    const children = [ids, ids, ...numbers].map((data, i) =>
      makeData({ type: types[i] as Int64, length, nullCount: 0, data: data as BigInt64Array }),
    );
    yield new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length, nullCount: 0, children }));
  }
}

const view = featureView({
  name: "things",
  entities: [entity({ name: "thing", key: { id: "int64" } })],
  source: fromBatches("things", batches),
  eventTime: "at",
  ttl: "365d",
  features: Object.fromEntries(features.map((name) => [name, column(name)])),
});
const online: OnlineStore = kind === "redis" ? redis({ url: place }) : lmdb({ path: place });
await using store = createFeatureStore({ views: [view], online });
const start = performance.now();
const cpu = process.cpuUsage();
const { written } = await store.materialize(view, { until: Math.ceil(rows / 1000) });
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(cpu);
const [last] = await store.read({
  entities: [{ id: BigInt(rows - 1) }],
  features: ["things:f3"],
  at: Math.ceil(rows / 1000),
});
if (last?.["things:f3"]?.value !== (rows + 2) / 7) throw new Error("the last entity is not online");
console.log(
  JSON.stringify({
    seconds,
    cpuSeconds: (user + system) / 1e6,
    written,
    peakMB: process.resourceUsage().maxRSS / 1024,
  }),
);
