import { execFile, spawnSync } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { duckdb } from "@ashlar/storage/duckdb";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { parquetjsLite } from "@ashlar/storage/parquetjs-lite";
import { type Data, Field, Int64, type RecordBatch, Schema } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { batchOf } from "../../packages/storage/src/parquet/batch.ts";
import type { ParquetCodec } from "../../packages/storage/src/parquet/port.ts";
import { sourceOfFile } from "../../packages/storage/src/parquet/source.ts";
import { digest } from "./digest.ts";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const python = process.env["ASHLAR_PYTHON"] ?? here("../../.venv/bin/python");
const found = spawnSync(python, ["-c", "import pyarrow"]).status === 0;
const flights = fileURLToPath(new URL("../data/flights-3m.parquet", import.meta.resolve("vega-datasets")));

/** Times as the microseconds they are, for the codec that has no times. */
function withoutTimes(batch: RecordBatch): RecordBatch {
  const data = batch.data.children.map((child, index) => (index === 0 ? (child as Data).clone(new Int64()) : child));
  const fields = batch.schema.fields.map((field, index) =>
    index === 0 ? new Field(field.name, new Int64(), true) : field,
  );
  return batchOf(new Schema(fields), data, batch.numRows);
}

describe.runIf(found || process.env["CI"] !== undefined)(
  `three million flights${found ? "" : ": needs pyarrow"}`,
  () => {
    const [fast, plain, lite] = [duckdb(), hyparquet(), parquetjsLite()];
    let root = "";
    let expected: Record<string, string> = {};
    beforeAll(async () => {
      root = await mkdtemp(join(tmpdir(), "ashlar-flights-"));
      expected = await digest(fast, flights);
    });
    afterAll(async () => {
      for (const codec of [fast, plain, lite]) await codec[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    });

    const byPyarrow = async (...paths: readonly string[]): Promise<Record<string, string>[]> => {
      const { stdout } = await promisify(execFile)(python, [here("flights.py"), ...paths], { maxBuffer: 1e7 });
      return JSON.parse(stdout) as Record<string, string>[];
    };

    /** All rows, written by a codec. */
    async function writtenBy(codec: ParquetCodec): Promise<string> {
      const isLite = codec === lite;
      await using reader = await fast.open(await sourceOfFile(flights));
      const [first] = reader.schema.fields;
      const dated =
        isLite && first ? [new Field(first.name, new Int64(), true), ...reader.schema.fields.slice(1)] : undefined;
      await using writer = await codec.create(dated === undefined ? reader.schema : new Schema(dated));
      for await (const batch of reader.scan()) await writer.write(isLite ? withoutTimes(batch) : batch);
      const { body } = await writer.finish();
      const path = join(root, `${codec.name}.parquet`);
      const chunks = body instanceof Uint8Array ? Readable.from([body]) : Readable.fromWeb(body as never);
      await finished(chunks.pipe(createWriteStream(path)));
      return path;
    }

    it("are to each reader what they are to pyarrow, value by value", async () => {
      expect(expected).toMatchObject({ rows: "3000000" });
      expect(await digest(plain, flights)).toEqual(expected);
      expect(await byPyarrow(flights)).toEqual([expected]);
      await expect(digest(lite, flights)).rejects.toMatchObject({
        code: expect.stringMatching(/REFUSED|UNSUPPORTED/) as string,
      });
    });

    it("are the same by whichever codec they were written and whoever reads them", async () => {
      const paths: string[] = [];
      for (const codec of [fast, plain, lite]) paths.push(await writtenBy(codec));
      const [byFast = "", , byLite = ""] = paths;
      expect(await digest(plain, byFast), "DuckDB to hyparquet").toEqual(expected);
      expect(await digest(lite, byLite), "parquetjs-lite to itself").toEqual(expected);
      expect(await byPyarrow(...paths)).toEqual([expected, expected, expected]);
    }, 600_000);
  },
);
