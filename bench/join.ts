import { strictEqual } from "node:assert";
import { join } from "node:path";
import { arrow, createFeatureStore, fromBatches, type OfflineEngine, type TableSource } from "@ashlar/feature-store";
import { duckdb } from "@ashlar/feature-store/duckdb";
import { sourceOfFile } from "@ashlar/storage";
import { duckdb as parquet } from "@ashlar/storage/duckdb";
import type { RecordBatch } from "apache-arrow";
import { type BareDuckDb, bareDuckDb, writeFlights } from "./flights.ts";
import { type Bench, perSecond } from "./harness.ts";
import { departuresOver } from "./join-view.ts";
import { feastHistorical, feastMissing, hasFeast } from "./peers/feast.ts";

/** Three rows of the source to a label, on the 229 airports. */
export async function pointInTimeJoins(bench: Bench): Promise<void> {
  const { rows, folder, pair } = bench;
  const sourceFile = join(folder, "flights.parquet");
  const labelFile = join(folder, "labels.parquet");
  await writeFlights(sourceFile, Math.min(3 * rows, 3_000_000));
  await writeFlights(labelFile, rows);
  const labels = { ...inMemory("labels", await batchesOf(labelFile)), localFiles: async () => [labelFile] };
  const batches = await batchesOf(sourceFile);
  const flights = { ...inMemory("flights", batches), localFiles: async () => [sourceFile] };

  using bare = await bareDuckDb();
  await bare.run(`CREATE TABLE known AS FROM '${sourceFile}'; CREATE TABLE label AS FROM '${labelFile}'`);
  const asof = async (known: string, label: string): Promise<void> => {
    const joined = await bare.sum(`
      SELECT known.delay, known.distance, label.* FROM ${label} label
      ASOF LEFT JOIN ${known} known ON label.origin = known.origin AND label.date >= known.landed_at`);
    strictEqual(joined.rows, rows);
  };
  const joinWith = (offline: OfflineEngine, source: TableSource): (() => Promise<void>) => {
    const store = createFeatureStore({ offline, views: [departuresOver(source)] });
    return async () => {
      const set = await store.trainingSet({ labels, time: "date", features: ["departures:*"] });
      strictEqual(set.rows, rows);
    };
  };
  await using keeping = duckdb();
  const name = `join ${rows / 1e6} M labels`;
  const ways = [
    ["arrow(), kept timeline", joinWith(arrow(), flights), "tables in memory", () => asof("known", "label")],
    [
      "arrow(), nothing kept",
      joinWith(arrow({ keepBytes: 0 }), flights),
      "tables in memory",
      () => asof("known", "label"),
    ],
    [
      "duckdb(), Parquet files, kept timeline",
      joinWith(keeping, flights),
      "Parquet files",
      () => asof(`'${sourceFile}'`, `'${labelFile}'`),
    ],
    [
      "duckdb(), Parquet files, nothing kept",
      joinWith(duckdb({ keepBytes: 0 }), flights),
      "Parquet files",
      () => asof(`'${sourceFile}'`, `'${labelFile}'`),
    ],
  ] as const;
  for (const [way, ours, tables, peer] of ways) {
    await pair({
      name: `${name}: ${way}`,
      unit: "labels/s",
      peerName: `DuckDB ASOF LEFT JOIN, ${tables}, no digest`,
      ours: () => perSecond(rows, ours),
      peer: () => perSecond(rows, peer),
    });
  }
  await keptTimelines(bench, batches, sourceFile);
  await besideFeast(bench, joinWith(arrow({ keepBytes: 0 }), flights), { source: sourceFile, labels: labelFile });
}

/** What Feast's join of the same files may take before it is ended. */
const feastLimits = { seconds: 60, memoryMB: 8_000 } as const;

/** The figure of a join that did not end is the least it can be: all labels within the time it was given. */
async function besideFeast(
  { rows, pair }: Bench,
  ours: () => Promise<void>,
  files: { readonly source: string; readonly labels: string },
): Promise<void> {
  if (!hasFeast) {
    console.error(feastMissing);
    return;
  }
  for (const [offline, store] of [
    ["dask", "its default file store"],
    ["duckdb", "its DuckDB store"],
  ] as const) {
    const { seconds, ended } = await feastHistorical(offline, files, feastLimits);
    await pair({
      name: `join ${rows / 1e6} M labels, arrow(), nothing kept`,
      unit: "labels/s",
      rounds: 1,
      peerName: `Feast, ${store}, same files: ${ended}`,
      ours: () => perSecond(rows, ours),
      peer: async () => rows / seconds,
    });
  }
}

/** What a timeline costs that later joins are spared: to make it, and to bring it up to date with a commit. */
async function keptTimelines({ pair, folder }: Bench, batches: readonly RecordBatch[], file: string): Promise<void> {
  const rows = batches.reduce((sum, batch) => sum + batch.numRows, 0);
  const one = inMemory("labels", [(batches[0] as RecordBatch).slice(0, 1)]);
  const touch = async (offline: OfflineEngine, source: TableSource): Promise<void> => {
    const store = createFeatureStore({ offline, views: [departuresOver(source)] });
    await store.trainingSet({ labels: one, time: "date", features: ["departures:*"] });
    await offline[Symbol.asyncDispose]?.();
  };
  const all = inMemory("flights", batches);
  using bare = await bareDuckDb();
  await bare.run(`CREATE TABLE flights AS FROM '${file}'`);
  const sorted = async (from: string): Promise<void> =>
    bare.run(`CREATE OR REPLACE TABLE sorted AS
      SELECT origin, date, landed_at, delay, distance FROM ${from} ORDER BY origin, date, landed_at`);
  for (const [engine, make, source, from] of [
    ["arrow()", arrow, all, "flights"],
    ["duckdb(), a Parquet file", duckdb, { ...all, localFiles: async () => [file] }, `'${file}'`],
  ] as const) {
    await pair({
      name: `make a timeline of the rows, ${engine}`,
      unit: "rows/s",
      rounds: 3,
      peerName: "DuckDB, a table of the rows in order of key and times",
      ours: () => perSecond(rows, () => touch(make(), source)),
      peer: () => perSecond(rows, () => sorted(from)),
    });
  }

  const commit = Math.floor(rows / 100);
  for (const [engine, make, files] of [
    ["arrow()", arrow, undefined],
    ["duckdb(), Parquet files", duckdb, await commitFiles(bare, folder, file, rows - 8 * commit, commit)],
  ] as const) {
    const growing = new GrowingFlights(batches, rows - 8 * commit, files);
    const source = growing.source();
    await using offline = disposed(make());
    const store = createFeatureStore({ offline, views: [departuresOver(source)] });
    const upToDate = async (): Promise<void> => {
      await store.trainingSet({ labels: one, time: "date", features: ["departures:*"] });
    };
    await upToDate();
    await pair({
      name: `bring a timeline up to date with a commit of 1 % more rows, ${engine}`,
      unit: "commits/s",
      rounds: 3,
      peerName: "making it anew",
      ours: async () => {
        growing.grow(commit);
        return perSecond(1, upToDate);
      },
      peer: () => perSecond(1, () => touch(make(), { ...source, fingerprint: async () => "anew" })),
    });
  }
}

/** The engine, disposed at the end of a block. */
const disposed = (engine: OfflineEngine): OfflineEngine & AsyncDisposable => ({
  ...engine,
  [Symbol.asyncDispose]: async () => engine[Symbol.asyncDispose]?.(),
});

/** The first rows of a file in one, and those of eight commits in a file each. */
async function commitFiles(
  bare: BareDuckDb,
  folder: string,
  file: string,
  first: number,
  commit: number,
): Promise<readonly string[]> {
  const files: string[] = [];
  for (let part = 0; part <= 8; part++) {
    const [from, rows] = part === 0 ? [0, first] : [first + (part - 1) * commit, commit];
    files.push(join(folder, `commit-${part}.parquet`));
    await bare.run(`COPY (
      FROM '${file}' WHERE file_row_number >= ${from} AND file_row_number < ${from + rows}
    ) TO '${files.at(-1)}' (FORMAT parquet, COMPRESSION zstd)`);
  }
  return files;
}

/** A table that takes more and more of some rows; the number of its rows is its fingerprint. */
class GrowingFlights {
  readonly #batches: readonly RecordBatch[];
  readonly #files: readonly string[] | undefined;
  #rows: number;
  #commits = 0;

  /** @param files of the rows at first and of each commit, for an engine that reads files */
  constructor(batches: readonly RecordBatch[], rows: number, files: readonly string[] | undefined) {
    this.#batches = batches;
    this.#files = files;
    this.#rows = rows;
  }

  grow(rows: number): void {
    this.#rows += rows;
    this.#commits++;
  }

  source(): TableSource {
    const since = (commit: number, row: number): TableSource => ({
      ...fromBatches("flights", () => this.#slice(row), { timezone: "UTC" }),
      localFiles: async () => this.#files?.slice(commit, this.#commits + 1),
    });
    return {
      ...since(0, 0),
      fingerprint: async () => `${this.#commits} ${this.#rows}`,
      appendedSince: async (fingerprint) => {
        const [commits, rows] = fingerprint.split(" ").map(Number) as [number, number];
        return since(commits + 1, rows);
      },
    };
  }

  *#slice(from: number): Iterable<RecordBatch> {
    let at = 0;
    for (const batch of this.#batches) {
      const start = Math.max(0, from - at);
      const end = Math.min(batch.numRows, this.#rows - at);
      if (start < end) yield batch.slice(start, end);
      at += batch.numRows;
    }
  }
}

const inMemory = (name: string, batches: readonly RecordBatch[]): TableSource => ({
  ...fromBatches(name, batches, { timezone: "UTC" }),
  fingerprint: async () => "bench",
});

async function batchesOf(file: string): Promise<RecordBatch[]> {
  await using codec = parquet();
  await using reader = await codec.open(await sourceOfFile(file));
  const batches: RecordBatch[] = [];
  for await (const batch of reader.scan()) batches.push(batch);
  return batches;
}
