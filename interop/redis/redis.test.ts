import {
  column,
  createFeatureStore,
  entity,
  featureView,
  fromRows,
  type OnlineEntry,
  vector,
} from "@ashlar/feature-store";
import { redis, type RedisClient, type RedisClusterClient } from "@ashlar/feature-store/redis";
import { describeOnlineStore } from "@ashlar/feature-store/testing";
import { createClient, createCluster } from "redis";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it, onTestFinished } from "vitest";
import { onlineEntries } from "../online-entries.ts";
import { startCuttingProxy } from "../s3/cutting-proxy.ts";
import { isThere, type RedisServer, startRedis, startRedisCluster } from "./server.ts";

const ci = process.env["CI"] !== undefined;
let prefixes = 0;
const prefix = (): string => `test-${++prefixes}`;

describe.skipIf(!isThere && !ci)(`Redis (redis-server: ${isThere ? "found" : "missing"})`, () => {
  let server: RedisServer;
  let client: ReturnType<typeof createClient>;

  beforeAll(async () => {
    server = await startRedis();
    client = createClient({ url: server.url });
    await client.connect();
  });
  afterAll(async () => {
    await client?.close();
    await server?.[Symbol.asyncDispose]();
  });

  describeOnlineStore("redis", {
    create: () => redis({ client, prefix: prefix() }),
  });
  describeOnlineStore("redis by its url", {
    create: () => redis({ url: server.url, prefix: prefix() }),
  });

  it("takes the clients of node-redis as they are", () => {
    expectTypeOf<ReturnType<typeof createClient>>().toExtend<RedisClient>();
    expectTypeOf<ReturnType<typeof createCluster>>().toExtend<RedisClusterClient>();
  });

  it("sends its scripts again to a server that forgot them", async () => {
    const store = redis({ client, prefix: prefix() });
    const [entry] = onlineEntries(1, 1);
    await store.write("v@1", [entry!], { watermark: 1 });
    await client.sendCommand(["SCRIPT", "FLUSH"]);
    await store.write("v@1", [entry!], { watermark: 2 });
    expect(await store.watermark("v@1")).toBe(2);
  });

  it("keeps the later of two materialisers that bring in the same new keys at once", async () => {
    const store = redis({ client, prefix: prefix() });
    const other = redis({ client, prefix: `test-${prefixes}` });
    const [early, late] = [1, 2].map((stamp) => onlineEntries(3_000, stamp)) as [OnlineEntry[], OnlineEntry[]];
    const keys = late.map(({ key }) => key);
    // Neither knows yet that the other has written: of each command one finds its keys new.
    await Promise.all([store.write("v@1", late), other.write("v@1", early)]);
    expect((await store.read("v@1", keys)).vectors).toEqual(late.map(({ vector }) => Buffer.from(vector)));
    await other.write("v@1", early);
    expect((await store.read("v@1", keys)).vectors).toEqual(late.map(({ vector }) => Buffer.from(vector)));
    // Some are new, and some are not.
    const more = [...onlineEntries(3_600, 3)];
    await store.write("v@1", more);
    const all = await store.read(
      "v@1",
      more.map(({ key }) => key),
    );
    expect(all.vectors).toEqual(more.map(({ vector }) => Buffer.from(vector)));
  });

  it("names a connection that is cut in mid-batch, and a retry loses nothing", async () => {
    await using proxy = await startCuttingProxy(server.url);
    const { port } = new URL(proxy.endpoint);
    const store = redis({ url: `redis://127.0.0.1:${port}`, prefix: prefix() });
    onTestFinished(() => store[Symbol.asyncDispose]());
    const entries = onlineEntries(5_000, 1);
    await store.write("v@1", entries.slice(0, 1));
    proxy.cutAfter(30);
    const failed = { code: "ONLINE_STORE_UNAVAILABLE", retryable: true, details: { store: "Redis" } };
    await expect(store.write("v@1", entries, { watermark: 5 })).rejects.toMatchObject(failed);
    expect(proxy.cuts).toBe(1);
    const direct = redis({ client, prefix: `test-${prefixes}` });
    expect(await direct.watermark("v@1")).toBeUndefined();
    await store.write("v@1", entries, { watermark: 5 });
    const { vectors, watermark } = await direct.read(
      "v@1",
      entries.map(({ key }) => key),
    );
    expect(watermark).toBe(5);
    expect(vectors.filter((vector) => vector === undefined)).toEqual([]);
  });

  it("backfills beside what serves over a connection that is cut, and flips once", async () => {
    await using proxy = await startCuttingProxy(server.url);
    const { port } = new URL(proxy.endpoint);
    const name = prefix();
    const online = redis({ url: `redis://127.0.0.1:${port}`, prefix: name });
    const other = redis({ client, prefix: name });
    const at = (seconds: number): Date => new Date(seconds * 1000);
    const cars = Array.from({ length: 3_000 }, (_, i) => ({ car: `car ${i}`, at: at(i), trips: i, place: [i, 1, 0] }));
    const source = fromRows(
      "cars",
      cars.map(({ place, ...row }) => ({ ...row, place: Float32Array.from(place) })),
    );
    const shared = { name: "cars", entities: [entity({ name: "car", key: { car: "string" } })], source } as const;
    const before = featureView({ ...shared, eventTime: "at", ttl: "1d", features: { trips: column("trips") } });
    const view = featureView({
      ...shared,
      eventTime: "at",
      ttl: "2d",
      features: { trips: column("trips"), place: column("place", vector(3)) },
    });
    const until = 4_000_000;
    await createFeatureStore({ views: [before], online: other }).materialize(before, { until });
    await using store = createFeatureStore({ views: [view], previous: [before], online });
    const reader = createFeatureStore({ views: [view], previous: [before], online: other });
    const request = { entities: cars, features: ["cars:trips", "cars:place"], at: until } as const;
    const statuses = async (): Promise<string[]> => [
      ...new Set((await reader.read(request)).map((row) => `${row["cars:trips"].status} ${row["cars:place"].status}`)),
    ];
    await store.read({ ...request, entities: cars.slice(0, 1) });
    proxy.cutAfter(120);
    await expect(store.backfill(view, { until })).rejects.toMatchObject({ code: "ONLINE_STORE_UNAVAILABLE" });
    expect(await statuses()).toEqual(["PRESENT NOT_FOUND"]);
    await expect.poll(() => store.backfill(view, { until }).catch(() => undefined)).toMatchObject({ watermark: until });
    await expect.poll(statuses, { timeout: 5_000 }).toEqual(["PRESENT PRESENT"]);
    const [nearest] = await store.nearest(view, { vector: [700, 1, 0], k: 1, metric: "l2", at: until });
    expect(nearest).toMatchObject({ entity: { car: "car 700" }, score: 0 });
    const { removed } = await store.removeRetired(view, { graceMs: 0 });
    expect(removed).toHaveLength(1);
    await other[Symbol.asyncDispose]();
  });

  it("names what the server refuses, and a server that is not there", async () => {
    const name = prefix();
    const store = redis({ client, prefix: name });
    await client.sendCommand(["RPUSH", `${name}:{v%401}watermark`, "x"]);
    await client.sendCommand(["RPUSH", `${name}:{v@1}watermark`, "x"]);
    await expect(store.watermark("v@1")).rejects.toMatchObject({ code: "ONLINE_STORE_REFUSED", retryable: false });
    const nobody = redis({ url: "redis://127.0.0.1:1" });
    await expect(nobody.watermark("v@1")).rejects.toMatchObject({ code: "ONLINE_STORE_UNAVAILABLE" });
    await nobody[Symbol.asyncDispose]();
    await expect(nobody.watermark("v@1")).rejects.toMatchObject({ code: "CLOSED" });
  });
});

it.skipIf(!isThere && !ci)("loses no write it acknowledged to kill -9 of a server that appends", async () => {
  await using server = await startRedis("--appendonly", "yes", "--appendfsync", "always");
  await using store = redis({ url: server.url });
  const entries = onlineEntries(4_000, 1);
  let acknowledged = 0;
  const killed = server.kill(() => acknowledged >= 1_000);
  for (let at = 0; at < entries.length; at += 100) {
    const done = await store.write("v@1", entries.slice(at, at + 100)).then(
      () => true,
      () => false,
    );
    if (!done) break;
    acknowledged = at + 100;
  }
  await killed;
  expect(acknowledged).toBeGreaterThanOrEqual(1_000);
  await server.startAgain();
  const keys = entries.slice(0, acknowledged).map(({ key }) => key);
  await expect
    .poll(
      () =>
        store.watermark("v@1").then(
          () => "there",
          () => "away",
        ),
      { timeout: 20_000 },
    )
    .toBe("there");
  const { vectors } = await store.read("v@1", keys);
  expect(vectors.filter((vector) => vector === undefined)).toEqual([]);
  await store.write("v@1", entries, { watermark: 9 });
  expect(await store.watermark("v@1")).toBe(9);
});

describe.skipIf(!isThere && !ci)("Redis Cluster of three nodes", () => {
  let nodes: readonly RedisServer[] = [];
  let cluster: ReturnType<typeof createCluster>;

  beforeAll(async () => {
    nodes = await startRedisCluster();
    cluster = createCluster({ rootNodes: nodes.map(({ url }) => ({ url })) });
    await cluster.connect();
  });
  afterAll(async () => {
    await cluster?.close();
    for (const node of nodes) await node[Symbol.asyncDispose]();
  });

  describeOnlineStore("redis cluster", {
    create: () => redis({ cluster, prefix: prefix() }),
  });

  it("spreads the keys of a namespace over the nodes", async () => {
    const store = redis({ cluster, prefix: prefix() });
    await store.write("v@1", onlineEntries(600, 1));
    for (const { url } of nodes) {
      const node = createClient({ url });
      await node.connect();
      expect(Number(await node.sendCommand(["DBSIZE"]))).toBeGreaterThan(50);
      await node.close();
    }
  });
});
