import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { open } from "lmdb";
import { createClient } from "redis";
import { isThere, startRedis } from "../interop/redis/server.ts";
import { bareDuckDb } from "./flights.ts";
import type { Bench } from "./harness.ts";
import { feastMaterialize, feastMissing, hasFeast } from "./peers/feast.ts";

interface Done {
  readonly seconds: number;
  /** Of the process that materialises, and of the Redis server. */
  readonly cpuSeconds: number;
  readonly peakMB: number;
}

/** Few enough that Feast is done within a minute or so. */
const feastRows = 50_000;
const features = 4;

/** Entities of four doubles brought online, three times as many as the rows of the suite, each in a process of its own. */
export async function materialization(bench: Bench): Promise<void> {
  const { folder, pair } = bench;
  const rows = 3 * bench.rows;
  const name = `materialise ${rows / 1e6} M entities of ${features} features to`;
  let n = 0;
  const inLmdb = await ours("lmdb", join(folder, "materialised.lmdb"), rows);
  await pair({
    name: `${name} lmdb()`,
    unit: "rows/s",
    rounds: 1,
    peerName: "lmdb, put of as many bytes, 10,000 a transaction",
    ours: async () => rows / inLmdb.seconds,
    peer: () => bareLmdb(join(folder, `bare-${n++}.lmdb`), rows),
  });
  if (!isThere) {
    console.error("left out: Redis; redis-server is missing: apt-get install redis-server");
    return;
  }
  await using server = await startRedis();
  const inRedis = await withServer(server.url, () => ours("redis", server.url, rows));
  await pair({
    name: `${name} redis()`,
    unit: "rows/s",
    rounds: 1,
    peerName: "node-redis, MSET of as many bytes, 1,000 a command",
    ours: async () => rows / inRedis.seconds,
    peer: () => bareRedis(server.url, rows),
  });
  if (!hasFeast) {
    console.error(feastMissing);
    return;
  }
  const file = join(folder, "things.parquet");
  await writeThings(file, feastRows, features);
  await using other = await startRedis();
  const feast = await withServer(other.url, () => feastMaterialize(other.port, file, features));
  const peerName = `Feast from its file store to Redis, ${feastRows.toLocaleString("en")} entities`;
  await pair({
    name: `${name} redis()`,
    unit: "rows/s",
    rounds: 1,
    peerName,
    ours: async () => rows / inRedis.seconds,
    peer: async () => feastRows / feast.seconds,
  });
  await pair({
    name: `${name} redis(), the server's time included`,
    unit: "rows/CPU s",
    rounds: 1,
    peerName,
    ours: async () => rows / inRedis.cpuSeconds,
    peer: async () => feastRows / feast.cpuSeconds,
  });
  for (const [store, done] of [
    ["redis()", inRedis],
    ["lmdb()", inLmdb],
  ] as const) {
    await pair({
      name: `${name} ${store}, peak memory of the process`,
      unit: "MB",
      rounds: 1,
      higherIsBetter: false,
      peerName,
      ours: async () => done.peakMB,
      peer: async () => feast.peakMB,
    });
  }
}

/** Adds what the Redis server spends meanwhile. */
async function withServer(url: string, work: () => Promise<Done>): Promise<Done> {
  const client = createClient({ url });
  await client.connect();
  const spent = async (): Promise<number> => {
    const info = String(await client.sendCommand(["INFO", "cpu"]));
    return ["sys", "user"].reduce((sum, of) => sum + Number(new RegExp(`used_cpu_${of}:([\\d.]+)`).exec(info)?.[1]), 0);
  };
  try {
    const before = await spent();
    const done = await work();
    return { ...done, cpuSeconds: done.cpuSeconds + (await spent()) - before };
  } finally {
    await client.close();
  }
}

async function ours(kind: "redis" | "lmdb", place: string, rows: number): Promise<Done> {
  const child = fileURLToPath(new URL("./materialize-child.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...process.execArgv,
    child,
    kind,
    place,
    String(rows),
  ]);
  return JSON.parse(stdout) as Done;
}

/** A file of entities with one row each: `id`, `at` and doubles `f0, f1, ...`. */
export async function writeThings(file: string, rows: number, columns: number): Promise<void> {
  using duckdb = await bareDuckDb();
  const doubles = Array.from({ length: columns }, (_, k) => `(i * 31 + ${k}) / 7 AS f${k}`);
  await duckdb.run(`COPY (
    SELECT i AS id, make_timestamp(1577836800000000 + i)::TIMESTAMPTZ AS at, ${doubles.join(", ")}
    FROM range(${rows}) AS t(i)) TO '${file}' (FORMAT parquet)`);
}

/** Vectors of `features` doubles have a header of 32 bytes, one of bits, and the doubles. */
const vectorBytes = 33 + 8 * features;

async function bareLmdb(path: string, rows: number): Promise<number> {
  const db = open({ path, encoding: "binary", keyEncoding: "binary", overlappingSync: false });
  const start = performance.now();
  for (let at = 0; at < rows; at += 10_000) {
    await db.childTransaction(() => {
      for (let i = at; i < Math.min(rows, at + 10_000); i++) {
        db.put(Buffer.from(`things@0123456789abcdef ${i}`), Buffer.alloc(vectorBytes, i & 255));
      }
    });
  }
  const rate = (rows * 1000) / (performance.now() - start);
  await db.close();
  return rate;
}

async function bareRedis(url: string, rows: number): Promise<number> {
  const client = createClient({ url });
  await client.connect();
  const start = performance.now();
  const perCommand = 1_000;
  for (let at = 0; at < rows; at += 10 * perCommand) {
    const commands = Array.from({ length: 10 }, (_, c) => {
      const first = at + c * perCommand;
      const pairs: Buffer[] = [];
      for (let i = first; i < Math.min(rows, first + perCommand); i++) {
        pairs.push(Buffer.from(`bare:{things@0123456789abcdef} ${i}`), Buffer.alloc(vectorBytes, i & 255));
      }
      return pairs.length === 0 ? undefined : client.sendCommand(["MSET", ...pairs]);
    });
    await Promise.all(commands);
  }
  const rate = (rows * 1000) / (performance.now() - start);
  await client.close();
  return rate;
}
