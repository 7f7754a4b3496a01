import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { toBytes } from "@ashlar/core";
import { type ColumnType, type ParquetCodec, sourceOfFile } from "@ashlar/storage";
import { duckdb } from "@ashlar/storage/duckdb";
import { hyparquet } from "@ashlar/storage/hyparquet";
import { batchFrom } from "@ashlar/storage/lake";
import { RecordBatch, Schema } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Value } from "../../packages/storage/src/parquet/column-type.ts";
import { columnsOf } from "../../packages/storage/src/parquet/column.ts";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const python = process.env["ASHLAR_PYTHON"] ?? here("../../.venv/bin/python");
const found = spawnSync(python, ["-c", "import pyarrow"]).status === 0;
const mandatory = process.env["CI"] !== undefined;
const need = found ? "" : ": needs the Python package pyarrow, set ASHLAR_PYTHON";

const pyarrow = async (...args: readonly string[]): Promise<Record<string, unknown>> => {
  const { stdout } = await promisify(execFile)(python, [here("parquet.py"), ...args], { maxBuffer: 2 ** 28 });
  return JSON.parse(stdout) as Record<string, unknown>;
};

describe.runIf(found || mandatory)(`pyarrow${need}`, () => {
  const codecs: readonly ParquetCodec[] = [duckdb(), hyparquet()];
  let root = "";
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "ashlar-pyarrow-"));
  });
  afterAll(async () => {
    for (const codec of codecs) await codec[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  });

  it("writes what we read, with whatever options", async () => {
    await pyarrow("write", root, "60", "20011");
    for (let index = 0; index < 60; index++) {
      const { rows, options } = JSON.parse(await readFile(join(root, `${index}.json`), "utf8")) as Written;
      for (const codec of codecs) {
        const read = await valuesOf(codec, join(root, `${index}.parquet`));
        expect(read, `${codec.name}, file ${index}, ${JSON.stringify(options)}`).toEqual(rows);
      }
    }
  });

  it("reads what we write, and its field ids", async () => {
    for (const codec of codecs) {
      const batch = batchFrom(everything);
      const fields = batch.schema.fields.map((field, index) =>
        field.clone({ metadata: new Map([["PARQUET:field_id", String(index + 7)]]) }),
      );
      const path = join(root, `ours-${codec.name}.parquet`);
      await using writer = await codec.create(new Schema(fields));
      await writer.write(new RecordBatch(new Schema(fields), batch.data));
      await writeFile(path, await toBytes((await writer.finish()).body));
      const { rows, ids, types } = (await pyarrow("read", path)) as { rows: unknown; ids: unknown; types: unknown };
      const expected = Object.entries(everything).map(([name, [type, values]]) => [
        name,
        values.map((value) => plain(type, value)),
      ]);
      expect(rows, codec.name).toEqual(Object.fromEntries(expected));
      expect(ids).toEqual(Object.fromEntries(fields.map(({ name }, index) => [name, String(index + 7)])));
      expect(types).toMatchObject({ wide: "decimal128(38, 12)", at: "timestamp[us, tz=UTC]", naive: "timestamp[us]" });
    }
  });

  it("is refused by name where nanoseconds or types would be lost", async () => {
    await pyarrow("nanoseconds", root);
    for (const codec of codecs) {
      for (const name of ["whole", "whole96"]) {
        expect(await valuesOf(codec, join(root, `${name}.parquet`))).toEqual({ at: ["1", null, "-2"] });
      }
      const marked = join(root, "wholeSpark.parquet");
      expect(await valuesOf(codec, marked)).toEqual({ at: ["1", null, "-2"], n: ["0", "1", "2"] });
      for (const name of ["cut", "cut96", "cutSpark"]) {
        const reading = valuesOf(codec, join(root, `${name}.parquet`));
        await expect(reading, `${codec.name} ${name}`).rejects.toMatchObject({ code: "CODEC_REFUSED" });
        await expect(reading).rejects.toThrow(/"at"/);
      }
      const time = valuesOf(codec, join(root, "time.parquet"));
      await expect(time).rejects.toMatchObject({ code: "TYPE_UNSUPPORTED", details: { column: "t", type: "TIME" } });
    }
  });
});

interface Written {
  readonly rows: Record<string, unknown[]>;
  readonly options: unknown;
}

async function valuesOf(codec: ParquetCodec, path: string): Promise<Record<string, unknown[]>> {
  await using reader = await codec.open(await sourceOfFile(path));
  const rows: Record<string, unknown[]> = {};
  for await (const batch of reader.scan()) {
    for (const column of columnsOf(batch)) {
      const values = (rows[column.name] ??= []);
      for (let row = 0; row < column.length; row++) values.push(plain(column.type, column.get(row)));
    }
  }
  return rows;
}

/** A value in the form of `plain` in parquet.py. */
function plain(type: ColumnType, value: Value | null): unknown {
  if (value === null) return null;
  if (typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (typeof value === "number" && !Number.isFinite(value)) {
    return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  }
  if (typeof type === "string") return value;
  if (type.type === "array") return (value as readonly (Value | null)[]).map((item) => plain(type.elementType, item));
  if (type.type === "map") {
    const pairs = value as readonly (readonly [Value, Value | null])[];
    return pairs.map(([key, item]) => [plain(type.keyType, key), plain(type.valueType, item)]);
  }
  const fields = value as Readonly<Record<string, Value | null>>;
  return Object.fromEntries(type.fields.map((field) => [field.name, plain(field.type, fields[field.name] ?? null)]));
}

const everything = {
  flag: ["boolean", [true, null, false]],
  long: ["long", [-(2n ** 63n), null, 9_007_199_254_740_993n]],
  real: ["double", [0.1, null, Number.NaN]],
  text: ["string", ["", null, "ä😀 more than twelve bytes"]],
  bytes: ["binary", [Uint8Array.of(0, 255), null, new Uint8Array(20)]],
  day: ["date", [-1, null, 20_000]],
  at: ["timestamp", [-1n, null, 978_307_260_000_001n]],
  naive: ["timestamp_ntz", [-1n, null, 978_307_260_000_001n]],
  price: ["decimal(7,2)", [-9_999_999n, null, 1n]],
  middle: ["decimal(18,0)", [-(10n ** 18n - 1n), null, 1n]],
  wide: ["decimal(38,12)", [-(10n ** 38n - 1n), null, 1n]],
  list: [{ type: "array", elementType: "long", containsNull: true }, [[1n, null], null, []]],
  pair: [
    {
      type: "struct",
      fields: [
        { name: "x", type: "integer", nullable: true, metadata: {} },
        { name: "when", type: "timestamp_ntz", nullable: true, metadata: {} },
      ],
    },
    [{ x: 1, when: null }, null, { x: null, when: 5n }],
  ],
  dict: [
    { type: "map", keyType: "string", valueType: "decimal(20,1)", valueContainsNull: true },
    [[["k", 15n]], null, [["l", null]]],
  ],
} as const satisfies Record<string, readonly [ColumnType, readonly (Value | null)[]]>;
