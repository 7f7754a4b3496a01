import { strictEqual } from "node:assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import {
  column,
  count,
  createFeatureStore,
  entity,
  featureView,
  fromRows,
  memory,
  type OnlineEntry,
  type OnlineStore,
  type Readings,
  window,
} from "@ashlar/feature-store";
import { lmdb } from "@ashlar/feature-store/lmdb";
import { redis } from "@ashlar/feature-store/redis";
import { sqlite } from "@ashlar/feature-store/sqlite";
import { open } from "lmdb";
import { createClient } from "redis";
import { isThere, startRedis } from "../interop/redis/server.ts";
import type { Bench } from "./harness.ts";

const features = 50;
const asked = 100;
const things = Array.from({ length: 10_000 }, (_, i) => ({
  id: `thing ${i}`,
  at: new Date(i),
  ...Object.fromEntries(Array.from({ length: features }, (_unused, k) => [`f${k}`, (i * 31 + k) / 7])),
}));
const view = featureView({
  name: "things",
  entities: [entity({ name: "thing", key: { id: "string" } })],
  source: fromRows("things", things),
  eventTime: "at",
  ttl: "365d",
  features: Object.fromEntries(Array.from({ length: features }, (_, k) => [`f${k}`, column(`f${k}`)])),
});
const names = Object.keys(view.features).map((name) => `things:${name}`);
/** Where the doubles of a vector begin: behind its header and a bit for each. */
const firstDouble = 32 + Math.ceil(features / 8);
const entities = things.filter((_, i) => i % (things.length / asked) === 7).map(({ id }) => ({ id }));

/** Fifty features of a hundred entities of ten thousand, beside a read of the same bytes by the bare library. */
export async function onlineReads(bench: Bench): Promise<void> {
  const { folder, pair } = bench;
  const entries = await packedEntries();
  const total = Math.round(
    things
      .filter((_, i) => i % (things.length / asked) === 7)
      .reduce(
        (sum, thing) =>
          sum + Object.values(thing).reduce<number>((all, value) => all + (typeof value === "number" ? value : 0), 0),
        0,
      ),
  );
  const keys = entries.filter((_, i) => i % (things.length / asked) === 7).map(({ key }) => key);

  async function beside(
    name: string,
    peerName: string,
    online: OnlineStore,
    bare: () => Promise<readonly Uint8Array[]>,
  ): Promise<void> {
    const store = createFeatureStore({ views: [view], online });
    await store.materialize(view, { until: things.length });
    const request = { entities, features: ["things:*"], at: things.length } as const;
    const byRows = async (): Promise<void> => {
      const rows = await store.read(request);
      let sum = 0;
      for (const row of rows as readonly Readings[]) for (const name of names) sum += row[name]?.value as number;
      strictEqual(Math.round(sum), total);
    };
    const byColumns = async (): Promise<void> => {
      const columns = await store.readColumns(request);
      let sum = 0;
      for (const feature of columns.names) {
        const values = columns.column(feature).values as Float64Array;
        for (let i = 0; i < values.length; i++) sum += values[i] as number;
      }
      strictEqual(Math.round(sum), total);
    };
    const peer = async (): Promise<void> => {
      let sum = 0;
      for (const vector of await bare()) {
        const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.length);
        for (let i = 0; i < features; i++) sum += bytes.readDoubleLE(firstDouble + 8 * i);
      }
      strictEqual(Math.round(sum), total);
    };
    for (const [way, ours] of [
      ["by columns", byColumns],
      ["an object each", byRows],
    ] as const) {
      await pair({
        name: `read ${features} features of ${asked} entities, ${way}, ${name}`,
        unit: "reads/CPU s",
        peerName: `${peerName}, every double read`,
        rounds: 7,
        ours: () => perCpuSecond(ours),
        peer: () => perCpuSecond(peer),
      });
    }
  }

  await using inLmdb = lmdb({ path: join(folder, "ours.lmdb") });
  const bareLmdb = open({ path: join(folder, "bare.lmdb"), encoding: "binary", keyEncoding: "binary" });
  await bareLmdb.transaction(() => {
    for (const { key, vector } of entries) void bareLmdb.put(key, vector);
  });
  await beside("lmdb()", "lmdb, getBinary of the same bytes", inLmdb, async () =>
    keys.map((key) => bareLmdb.getBinary(key) as Buffer),
  );
  await bareLmdb.close();

  await using inSqlite = sqlite({ path: join(folder, "vectors.db") });
  using bareSqlite = new DatabaseSync(join(folder, "bare-vectors.db"));
  bareSqlite.exec(
    "PRAGMA journal_mode=WAL; CREATE TABLE vector (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID; BEGIN",
  );
  const insert = bareSqlite.prepare("INSERT INTO vector VALUES (?, ?)");
  for (const { key, vector } of entries) insert.run(key, vector);
  bareSqlite.exec("COMMIT");
  const select = bareSqlite.prepare("SELECT vector FROM vector WHERE key = ?");
  await beside("sqlite()", "node:sqlite, a SELECT of the same bytes each", inSqlite, async () =>
    keys.map((key) => select.get(key)?.["vector"] as Uint8Array),
  );

  // Not installed everywhere: the row is left out.
  if (!isThere) return;
  await using server = await startRedis();
  const client = createClient({ url: server.url });
  await client.connect();
  try {
    const bareNames = keys.map((key) => Buffer.concat([Buffer.from("bare:"), key]));
    const all = entries.map(
      ({ key, vector }) => [Buffer.concat([Buffer.from("bare:"), key]), Buffer.from(vector)] as const,
    );
    for (const [name, vector] of all) await client.set(name, vector);
    const replies = { typeMapping: { 36: Buffer } };
    await beside(
      "redis()",
      "node-redis, MGET of the same bytes",
      redis({ client }),
      async () => (await client.sendCommand(["MGET", ...bareNames], replies)) as Buffer[],
    );
  } finally {
    await client.close();
  }
}

/** How often `work` is done a second of this process's time: what a server spends is the same for both, and not counted. */
async function perCpuSecond(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  const before = process.cpuUsage();
  let calls = 0;
  for (; performance.now() - start < 1200; calls++) await work();
  const { user, system } = process.cpuUsage(before);
  return (calls * 1e6) / (user + system);
}

/** The vectors that a materialisation writes. */
async function packedEntries(): Promise<OnlineEntry[]> {
  const entries: OnlineEntry[] = [];
  const online = memory();
  const store = createFeatureStore({
    views: [view],
    online: {
      ...online,
      write: async (namespace, batch, options) => {
        entries.push(...batch);
        await online.write(namespace, batch, options);
      },
    },
  });
  await store.materialize(view, { until: things.length });
  return entries;
}

const clicks = featureView({
  name: "clicks",
  entities: [entity({ name: "user", key: { user: "int64" } })],
  source: fromRows("clicks", []),
  eventTime: "at",
  ttl: "1d",
  push: { id: "id" },
  features: { last: column("page", "string"), count_1h: window("1h", count()) },
});

/** From an event to the read that shows it, beside a write that is on disk, and a read, of the bare library. */
export async function pushToVisible({ folder, pair }: Bench): Promise<void> {
  let n = 0;
  const bytes = Buffer.alloc(200);

  async function beside(
    name: string,
    online: OnlineStore,
    peerName: string,
    write: (key: Buffer) => Promise<number | undefined>,
  ): Promise<void> {
    const store = createFeatureStore({ views: [clicks], online });
    const pushed = async (): Promise<void> => {
      const user = BigInt(n % 1000);
      await store.push(clicks, [{ id: n++, user, at: new Date(), page: "/" }]);
      const [row] = await store.read({ entities: [{ user }], features: ["clicks:*"] });
      strictEqual(row?.["clicks:last"].value, "/");
    };
    const written = async (): Promise<void> => {
      strictEqual(await write(Buffer.from(`user ${n++ % 1000}`)), bytes.length);
    };
    await pair({
      name: `push an event and read it, ${name}, p99`,
      unit: "ms",
      higherIsBetter: false,
      peerName,
      ours: () => ninetyNinth(pushed),
      peer: () => ninetyNinth(written),
    });
  }

  await using inLmdb = lmdb({ path: join(folder, "push.lmdb") });
  const bareLmdb = open({ path: join(folder, "push-bare.lmdb"), encoding: "binary", keyEncoding: "binary" });
  await beside("lmdb()", inLmdb, "lmdb, put and get of 200 bytes", async (key) => {
    await bareLmdb.put(key, bytes);
    return bareLmdb.getBinary(key)?.length;
  });
  await bareLmdb.close();

  await using inSqlite = sqlite({ path: join(folder, "push.db") });
  using bareSqlite = new DatabaseSync(join(folder, "push-bare.db"));
  bareSqlite.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE v (k BLOB PRIMARY KEY, v BLOB)");
  const insert = bareSqlite.prepare("INSERT OR REPLACE INTO v VALUES (?, ?)");
  const select = bareSqlite.prepare("SELECT v FROM v WHERE k = ?");
  await beside("sqlite()", inSqlite, "node:sqlite, INSERT and SELECT of 200 bytes", async (key) => {
    insert.run(key, bytes);
    return (select.get(key) as { v: Uint8Array }).v.length;
  });

  // Not installed everywhere: the row is left out.
  if (!isThere) return;
  await using server = await startRedis();
  const client = createClient({ url: server.url });
  await client.connect();
  try {
    await beside("redis()", redis({ client }), "node-redis, SET and GET of 200 bytes", async (key) => {
      await client.set(key, bytes);
      const reply = await client.sendCommand(["GET", key], { typeMapping: { 36: Buffer } });
      return (reply as unknown as Buffer).length;
    });
  } finally {
    await client.close();
  }
}

async function ninetyNinth(work: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 500; i++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN;
}
