// Features over HTTP: a typed client, a transform that runs on its side, a new version that takes over, and nearest neighbours.
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import {
  column,
  createFeatureStore,
  entity,
  featureView,
  fromRows,
  memory,
  onDemand,
  vector,
} from "@ashlar/feature-store";
import { createFeatureClient, transform } from "@ashlar/feature-store/client";

const songs = fromRows(
  "songs",
  Array.from({ length: 50 }, (_, i) => ({
    song: `song ${i}`,
    at: new Date(i * 1000),
    plays: BigInt(i * i),
    sound: Float32Array.from([Math.cos(i), Math.sin(i), i / 50]),
  })),
);
const shared = { name: "songs", entities: [entity({ name: "song", key: { song: "string" } })], source: songs } as const;
const before = featureView({ ...shared, eventTime: "at", ttl: "1d", features: { plays: column("plays", "int64") } });
const view = featureView({
  ...shared,
  eventTime: "at",
  ttl: "7d",
  features: { plays: column("plays", "int64"), sound: column("sound", vector(3)) },
});
// A module of its own in an app: the browser imports nothing else of the definitions.
const mood = transform({
  name: "mood",
  input: { hour: "int32" },
  output: { calm: "boolean" },
  compute: ({ hour }) => ({ calm: hour < 7 || hour > 21 }),
});
const views = [view, onDemand(mood)] as const;

const until = 60_000;
const online = memory();
await createFeatureStore({ views: [before], online }).materialize(before, { until });
await using store = createFeatureStore({ views, previous: [before], online });
const handler = store.handler();
const server = createServer((request, response) => {
  const body = request.method === "POST" ? { body: request as never, duplex: "half" } : {};
  const headers = request.headers as Record<string, string>;
  void handler(
    new Request(`http://host${request.url}`, { method: request.method ?? "GET", headers, ...body } as RequestInit),
  ).then(async (answer) => {
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
}).listen(0, "127.0.0.1");
await once(server, "listening");
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const client = createFeatureClient<typeof views>({ url, transforms: [mood], format: "arrow", timeoutMs: 5_000 });
const request = {
  entities: [{ song: "song 7", hour: 23 }],
  features: ["songs:plays", "songs:sound", "mood:calm"],
  at: until,
} as const;
console.log("by the old definition:", (await client.read(request))[0]);
console.log("backfilled:", await store.backfill(view, { until }));
// Another process sees the flip within a second; this one at once.
console.log("by the new one:", (await client.read(request))[0]);

const near = await store.nearest(view, { vector: [1, 0, 0], k: 3, at: until });
console.log(
  "nearest:",
  near.map(({ entity: found, score }) => [found?.["song"], score.toFixed(3)]),
);
server.close();
