import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { column, createFeatureStore, entity, featureView, fromBatches } from "@ashlar/feature-store";
import { redis } from "@ashlar/feature-store/redis";
import { sourceOfFile } from "@ashlar/storage";
import { duckdb as parquet } from "@ashlar/storage/duckdb";
import { isThere, startRedis } from "../interop/redis/server.ts";
import { freePort } from "../interop/server.ts";
import type { Bench } from "./harness.ts";
import { writeThings } from "./materialize.ts";
import { feastMissing, feastServer, hasFeast } from "./peers/feast.ts";

const features = 50;
const entities = 10_000;
const asked = 100;
const connections = 4;
const milliseconds = 3_000;

/**
 * `POST /get-online-features` of 50 features of 100 entities: our handler on node:http and Feast's Python server, each over
 * what it has brought into one Redis server itself, both asked by one load generator over 4 connections in a closed loop.
 */
export async function servingBesideFeast({ folder, pair }: Bench): Promise<void> {
  if (!isThere || !hasFeast) {
    console.error(feastMissing);
    return;
  }
  const file = join(folder, "served.parquet");
  await writeThings(file, entities, features);
  const body = join(folder, "asked.json");
  const names = Array.from({ length: features }, (_, k) => `things:f${k}`);
  const ids = Array.from({ length: asked }, (_, i) => (i * 7919) % entities);
  await writeFile(body, JSON.stringify({ features: names, entities: { id: ids } }));

  await using server = await startRedis();
  await using store = createFeatureStore({ views: [viewOver(file)], online: redis({ url: server.url }) });
  await store.materialize(store.views[0], { until: Date.now() });
  const ours = serve(store.handler());
  await once(ours, "listening");
  const port = await freePort();
  await using _feast = await feastServer(server.port, file, features, port);

  const measured = { ours: [] as Load[], peer: [] as Load[] };
  // The second figure is of the same load: measured once, and given twice.
  for (const [figure, name] of [
    ["p50", "p50"],
    ["p99", "p99"],
  ] as const) {
    const next = { ours: 0, peer: 0 };
    const of = (who: "ours" | "peer", at: number) => async (): Promise<number> => {
      const round = next[who]++;
      const load = (measured[who][round] ??= await loaded(at, body));
      return load[figure];
    };
    await pair({
      name: `${features} features of ${asked} entities over HTTP from Redis, ${connections} connections, ${name}`,
      unit: "ms",
      rounds: 3,
      higherIsBetter: false,
      peerName: "Feast's Python server, one worker, on the same Redis server",
      ours: of("ours", (ours.address() as AddressInfo).port),
      peer: of("peer", port),
    });
  }
  ours.closeAllConnections();
  ours.close();
}

function viewOver(file: string) {
  return featureView({
    name: "things",
    entities: [entity({ name: "thing", key: { id: "int64" } })],
    source: fromBatches("things", async function* () {
      await using codec = parquet();
      await using reader = await codec.open(await sourceOfFile(file));
      yield* reader.scan();
    }),
    eventTime: "at",
    ttl: "36500d",
    features: Object.fromEntries(Array.from({ length: features }, (_, k) => [`f${k}`, column(`f${k}`)])),
  });
}

interface Load {
  readonly failures: number;
  readonly p50: number;
  readonly p99: number;
}

async function loaded(port: number, body: string): Promise<Load> {
  const headers = JSON.stringify({ "Content-Type": "application/json" });
  const args = [port, "/get-online-features", connections, milliseconds, 0, body, headers].map(String);
  const client = fork(new URL("./http-load.ts", import.meta.url), args);
  const [load] = (await once(client, "message")) as [Load];
  if (load.failures > 0) throw new Error(`${load.failures} requests failed`);
  return load;
}

/** A fetch-shaped handler on node:http. */
function serve(handler: (request: Request) => Promise<Response>): Server {
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const request = new Request(`http://127.0.0.1${incoming.url ?? "/"}`, {
        method: incoming.method ?? "GET",
        headers: { "content-type": "application/json" },
        body: await bytesOf(incoming),
      });
      const response = await handler(request);
      const bytes = await bytesOf(response.body ?? []);
      outgoing.writeHead(response.status, { ...Object.fromEntries(response.headers), "content-length": bytes.length });
      outgoing.end(bytes);
    })();
  });
  return server.listen(0, "127.0.0.1");
}

/** All of a body; what comes in one piece is not copied. */
async function bytesOf(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? (only as Uint8Array<ArrayBuffer>) : Buffer.concat(chunks);
}
