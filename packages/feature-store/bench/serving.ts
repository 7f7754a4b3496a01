import { ARRAY, type DuckDBConnection, DuckDBInstance, FLOAT } from "@duckdb/node-api";
import { column, createFeatureStore, entity, featureLog, featureView, memory, vector } from "../src/index.ts";
import { entityKey } from "../src/online/entity-key.ts";
import { layoutOf } from "../src/online/layout.ts";
import { namespaceOf } from "../src/materialize/materializer.ts";
import { fromBatches } from "../src/source/table-source.ts";

// Usage: node --conditions=@ashlar/source packages/feature-store/bench/serving.ts
// What a feature log adds to a read of 100 entities by 50 features, what the handler's answer of the same costs in JSON, in Feast's
// shape and in Arrow, and an exact search among 100,000 vectors of 128 beside the same search by DuckDB, whose rows lie in its own table.

const shared = { source: fromBatches("none", []), eventTime: "at", ttl: "forever" } as const;
const user = entity({ name: "user", key: { user: "int64" } });
const stamp = { event: 0n, known: 0n, asOf: 0n };

/** The medians of ways that take turns, in milliseconds of processor time. */
async function compare(ways: Readonly<Record<string, () => Promise<unknown>>>, rounds: number): Promise<void> {
  const times = Object.keys(ways).map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, way] of Object.values(ways).entries()) {
      const before = process.cpuUsage();
      await way();
      const { user: spent, system } = process.cpuUsage(before);
      if (round > 0) times[i]?.push((spent + system) / 1000);
    }
  }
  Object.keys(ways).forEach((name, i) => {
    const sorted = (times[i] ?? []).toSorted((a, b) => a - b);
    process.stdout.write(`${name.padEnd(60)} ${(sorted[sorted.length >> 1] ?? 0).toFixed(2)} ms\n`);
  });
}

const names = Array.from({ length: 50 }, (_, i) => `f${i}`);
const wide = featureView({
  ...shared,
  name: "wide",
  entities: [user],
  features: Object.fromEntries(names.map((name) => [name, column(name)])),
});
const online = memory();
const entities = Array.from({ length: 100 }, (_, i) => ({ user: BigInt(i) }));
const layout = layoutOf(wide.features);
const pack = (i: number): Uint8Array =>
  layout.pack(
    names.map((_, f) => i + f / 7),
    stamp,
  );
await online.write(
  namespaceOf(wide),
  entities.map((_, i) => ({ key: entityKey([i]), vector: pack(i) })),
);

const sink = { append: async () => undefined };
const log = featureLog({ views: [wide], features: ["wide:*"], sink, maxRows: 1_000_000, flushMs: 3_600_000 });
const plain = createFeatureStore({ views: [wide], online });
const logging = createFeatureStore({ views: [wide], online, logs: [log] });
const request = { entities, features: ["wide:*"] };
const reads = 20;
const times = async (work: () => Promise<unknown>): Promise<void> => {
  for (let i = 0; i < reads; i++) await work();
};
await compare(
  {
    [`${reads} reads of 100 x 50`]: () => times(() => plain.read(request)),
    [`${reads} reads of 100 x 50, logged, batches encoded meanwhile`]: () => times(() => logging.read(request)),
  },
  30,
);
await log.flush();
process.stdout.write(`${JSON.stringify(log.counts())}\n`);

const handler = plain.handler();
const body = JSON.stringify({ ...request, entities: entities.map(({ user: id }) => ({ user: Number(id) })) });
const post = async (accept: string): Promise<number> => {
  const init = { method: "POST", body, headers: { accept } };
  return (await (await handler(new Request("http://host/read", init))).arrayBuffer()).byteLength;
};
const asFeast = JSON.stringify({
  features: names.map((name) => `wide:${name}`),
  entities: { user: entities.map(({ user: id }) => Number(id)) },
});
const postFeast = async (): Promise<number> => {
  const answer = await handler(new Request("http://host/get-online-features", { method: "POST", body: asFeast }));
  return (await answer.arrayBuffer()).byteLength;
};
const arrowType = "application/vnd.apache.arrow.stream";
const bytes = [await post("application/json"), await postFeast(), await post(arrowType)];
process.stdout.write(`bytes: ${bytes.join(", ")} in JSON, Feast's shape and Arrow\n`);
await compare(
  {
    [`${reads} answers of 100 x 50 in JSON`]: () => times(() => post("application/json")),
    [`${reads} answers of 100 x 50 in Feast's shape`]: () => times(postFeast),
    [`${reads} answers of 100 x 50 in Arrow`]: () => times(() => post(arrowType)),
  },
  15,
);

const dimensions = 128;
const count = 100_000;
const embeddings = featureView({
  ...shared,
  name: "embeddings",
  entities: [user],
  features: { embedding: column("embedding", vector(dimensions)) },
});
let state = 1;
const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647 - 0.5;
const vectors = Array.from({ length: count }, () => Float32Array.from({ length: dimensions }, random));
const packed = layoutOf(embeddings.features);
for (let at = 0; at < count; at += 10_000) {
  const part = vectors.slice(at, at + 10_000);
  await online.write(
    namespaceOf(embeddings),
    part.map((value, i) => ({ key: entityKey([at + i]), vector: packed.pack([value], stamp) })),
  );
}
const store = createFeatureStore({ views: [embeddings], online });
const wanted = Float32Array.from({ length: dimensions }, random);
const connection = await tableOf(vectors);
const list = `[${wanted.join()}]::FLOAT[${dimensions}]`;
const sql = `SELECT id FROM v ORDER BY array_cosine_similarity(e, ${list}) DESC LIMIT 10`;
const ours = await store.nearest(embeddings, { vector: wanted, k: 10 });
const theirs = (await connection.runAndReadAll(sql)).getRows().map(([id]) => Number(id));
if (String(ours.map((each) => each.entity?.["user"])) !== String(theirs)) throw new Error("the searches differ");
await compare(
  {
    [`nearest 10 of ${count} x ${dimensions}, memory()`]: () => store.nearest(embeddings, { vector: wanted, k: 10 }),
    [`nearest 10 of ${count} x ${dimensions}, DuckDB, one thread`]: () => connection.runAndReadAll(sql),
  },
  9,
);

async function tableOf(rows: readonly Float32Array[]): Promise<DuckDBConnection> {
  const made = await (await DuckDBInstance.create(":memory:", { threads: "1" })).connect();
  await made.run(`CREATE TABLE v (id INTEGER, e FLOAT[${dimensions}])`);
  const appender = await made.createAppender("v");
  rows.forEach((row, i) => {
    appender.appendInteger(i);
    appender.appendArray(Array.from(row), ARRAY(FLOAT, dimensions));
    appender.endRow();
  });
  appender.closeSync();
  return made;
}
