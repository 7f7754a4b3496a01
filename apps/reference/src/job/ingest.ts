import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { relative } from "node:path";
import type { StepContext } from "@ashlar/orchestration";
import { sourceOfFile } from "@ashlar/storage";
import { between, notNull } from "@ashlar/storage/lake";
import type { RecordBatch } from "apache-arrow";
import { referenceError } from "../errors.ts";
import { evenSample, flightSchema, toFlights } from "../flights/batches.ts";
import { flightsFile } from "../flights/source.ts";
import type { Platform } from "../wire/platform.ts";

/** The table the job wrote. */
export interface Ingested {
  readonly table: string;
  readonly version: number;
  readonly rows: number;
  readonly quarantined: number;
  /** Path below the data directory and SHA-256 of each file, so that a damaged one is noticed. */
  readonly files: readonly { readonly path: string; readonly sha256: string }[];
}

const totalRows = 3_000_000;

/**
 * Reads the Parquet file and makes it the rows of a Delta table by month, in place of those of an earlier run with another
 * sample. A step tried again finds its own commit.
 */
export async function ingest(platform: Platform, { rows }: { rows: number }, context: StepContext): Promise<Ingested> {
  const { codec, flights } = platform;
  const { path, digest } = flightsFile();
  await using file = await codec.open(await sourceOfFile(path));
  const sample = evenSample(totalRows, rows);

  async function* batches(): AsyncIterable<RecordBatch> {
    let seen = 0;
    for await (const batch of file.scan({ signal: context.signal })) {
      const flightBatch = toFlights(batch, seen);
      yield rows === totalRows ? flightBatch : sample(flightBatch);
      seen += batch.numRows;
      context.progress((0.9 * seen) / totalRows, `${seen.toLocaleString("en")} flights read`);
    }
  }

  const table = await flights({ schema: flightSchema, partitionBy: ["month"] });
  const written = await table.overwrite(batches(), {
    expect: [
      notNull("date"),
      notNull("origin"),
      notNull("destination"),
      between("delay", -1440, 3000),
      between("distance", 1, 6000),
    ],
    onViolation: "quarantine",
    transaction: { appId: context.idempotencyKey, version: 1 },
    signal: context.signal,
  });
  const snapshot = await table.snapshot({ version: written.version });
  const files = await digests(platform, (await table.at(written.version).localFiles()) ?? []);
  context.lineage({
    inputs: [{ namespace: "npm", name: `vega-datasets/data/flights-3m.parquet@${digest}` }],
    outputs: [{ namespace: "lake", name: `flights@${written.version}` }],
  });
  return { table: "flights", version: written.version, rows: snapshot.rows, quarantined: written.quarantined, files };
}

async function digests(platform: Platform, paths: readonly string[]): Promise<Ingested["files"]> {
  const files: { path: string; sha256: string }[] = [];
  for (const path of paths) {
    files.push({ path: relative(platform.directory.root, path), sha256: await sha256(path) });
  }
  return files;
}

/**
 * Reads every file of the table and compares it with what was written.
 *
 * @throws TABLE_FILE_CORRUPT
 */
export async function checkTable(platform: Platform, { files }: Ingested): Promise<void> {
  for (const { path, sha256: expected } of files) {
    const file = platform.directory.file(path);
    const actual = await sha256(file).catch((error: Error) => `unreadable (${error.message})`);
    if (actual !== expected) throw referenceError("TABLE_FILE_CORRUPT", { file, expected, actual });
  }
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}
