import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAshlarError, toBytes } from "@ashlar/core";
import {
  Dictionary,
  Field,
  Int32,
  makeData,
  makeVector,
  RecordBatch,
  Schema,
  Struct,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import * as fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { columnsFor, type GeneratedColumn } from "../testing/generated-columns.ts";
import { readColumns } from "../testing/parquet-codec.ts";
import { batchFrom, type PlainColumns } from "./batch-from.ts";
import { ByteSink } from "./byte-sink.ts";
import type { Value } from "./column-type.ts";
import { duckdb } from "./duckdb.ts";
import { FlatWriter } from "./flat-write.ts";
import { hyparquet } from "./hyparquet.ts";
import type { ColumnBounds, Compression, ParquetOutput } from "./port.ts";
import { compare } from "./predicate.ts";
import { sourceOfBytes } from "./source.ts";

const readers = [duckdb(), hyparquet()];
afterAll(() => Promise.all(readers.map((codec) => codec[Symbol.asyncDispose]())));

interface Written extends Omit<ParquetOutput, "body"> {
  readonly bytes: Uint8Array;
}

async function written(
  batches: readonly RecordBatch[],
  { sink = new ByteSink(), compression = "zstd" as Compression } = {},
): Promise<Written> {
  const { schema } = batches[0] as RecordBatch;
  await using writer = new FlatWriter({ schema, compression, sink, codec: "test" });
  for (const batch of batches) await writer.write(batch);
  const { body, ...output } = await writer.finish();
  return { ...output, bytes: await toBytes(body) };
}

/** The batch in pieces that begin at these rows: slices of one array, as they come of Arrow. */
function pieces(batch: RecordBatch, cuts: readonly number[]): RecordBatch[] {
  const ends = [...new Set([...cuts.map((cut) => cut % batch.numRows), batch.numRows])].toSorted((a, b) => a - b);
  return ends.map((end, index) => batch.slice(ends[index - 1] ?? 0, end) as RecordBatch);
}

/** The bounds that a column has. */
function boundsOf({ type, values }: GeneratedColumn): ColumnBounds {
  const present = values.filter((value) => value !== null).toSorted((a, b) => compare(a, b));
  const nulls = values.length - present.length;
  const [min, max] = [present[0], present.at(-1)];
  const isOrdered = type !== "boolean" && type !== "binary" && !present.some((value) => Number.isNaN(value));
  return isOrdered && min !== undefined && max !== undefined ? { nulls, min, max } : { nulls };
}

/** Either zero may be a bound. */
const comparable = (bounds: ColumnBounds | undefined): unknown =>
  bounds && Object.fromEntries(Object.entries(bounds).map(([key, value]) => [key, value === 0 ? 0 : (value as Value)]));

it("keeps every bit of every flat column, in pieces of any size, and tells its bounds", async () => {
  const property = fc.asyncProperty(
    columnsFor({ depth: 0, columns: 4, rows: 40 }),
    fc.array(fc.nat(), { maxLength: 4 }),
    async (generated, cuts) => {
      const columns: PlainColumns = Object.fromEntries(
        generated.map(({ type, values }, index) => [`c${index}`, [type, values] as const]),
      );
      const { bytes, columns: told } = await written(pieces(batchFrom(columns), cuts));
      const expected = Object.fromEntries(generated.map(({ values }, index) => [`c${index}`, values]));
      for (const reader of readers) expect(await readColumns(reader, bytes), reader.name).toEqual(expected);
      for (const [index, column] of generated.entries()) {
        expect(comparable(told?.get(`c${index}`))).toEqual(comparable(boundsOf(column)));
      }
    },
  );
  await fc.assert(property, { numRuns: 50 });
});

it("leaves the dictionary when there are too many different values, and keeps those before", async () => {
  const rows = 10_000;
  const few = (row: number): boolean => row < 4500;
  const columns: PlainColumns = {
    long: ["long", Array.from({ length: rows }, (_, i) => (i % 9 === 0 ? null : few(i) ? 7n : BigInt(i) << 33n))],
    float: ["float", Array.from({ length: rows }, (_, i) => (few(i) ? -0 : i / 2))],
    text: ["string", Array.from({ length: rows }, (_, i) => (i % 5 === 0 ? null : few(i) ? "ü" : `value ${i}`))],
    short: ["short", Array.from({ length: rows }, (_, i) => (i % 3) - 1)],
    decimal: ["decimal(12,2)", Array.from({ length: rows }, (_, i) => BigInt(few(i) ? -1 : i) * 1_000_003n)],
  };
  const { bytes, columns: told } = await written(pieces(batchFrom(columns), [4400, 9000, 9001]));
  for (const reader of readers) {
    const found = await readColumns(reader, bytes);
    for (const [name, [, values]] of Object.entries(columns)) expect(found[name], name).toEqual(values);
  }
  expect(told?.get("long")).toMatchObject({ min: 7n, max: BigInt(rows - 2) << 33n });
  expect(told?.get("decimal")).toMatchObject({ min: -1_000_003n, max: BigInt(rows - 1) * 1_000_003n });
});

it("takes columns that have a dictionary of their own", async () => {
  const texts = ["b", "a", null, "a", "ü and more than twelve bytes"];
  const dictionary = vectorFromArray(texts, new Dictionary(new Utf8(), new Int32()));
  const numbers = makeVector(Int32Array.of(40, -30));
  const coded = makeData({
    type: new Dictionary(new Int32(), new Int32()),
    data: Int32Array.of(1, 0, 1, 1, 0),
    dictionary: numbers,
  });
  const schema = new Schema([new Field("s", dictionary.type, true), new Field("n", coded.type, true)]);
  const children = [dictionary.data[0] ?? makeData({ type: new Utf8() }), coded];
  const data = makeData({ type: new Struct(schema.fields), length: texts.length, children });
  const { bytes, columns: told } = await written([new RecordBatch(schema, data)]);
  for (const reader of readers) {
    expect(await readColumns(reader, bytes)).toEqual({ s: texts, n: [-30, 40, -30, -30, 40] });
  }
  expect(told?.get("n")).toEqual({ nulls: 0, min: -30, max: 40 });
});

it.each(["zstd", "snappy", "gzip", "none"] as const)("compresses by %s", async (compression) => {
  const values = Array.from({ length: 5000 }, (_, i) => BigInt(i * i));
  const { bytes } = await written([batchFrom({ n: ["long", values] })], { compression });
  for (const reader of readers) expect((await readColumns(reader, bytes))["n"]).toEqual(values);
});

it("puts what is large into a file, which goes with the writer", async () => {
  const parent = await mkdtemp(join(tmpdir(), "ashlar-flat-"));
  try {
    const folder = (): Promise<string> => mkdtemp(join(parent, "write-"));
    const values = Array.from({ length: 5000 }, (_, i) => BigInt(i) * 7_919n);
    const sink = new ByteSink(folder, 1000);
    const { bytes, size, rows } = await written([batchFrom({ n: ["long", values] })], { sink });
    expect([bytes.byteLength, rows]).toEqual([size, values.length]);
    for (const reader of readers) expect((await readColumns(reader, bytes))["n"]).toEqual(values);
    const abandoned = new ByteSink(folder, 10);
    await abandoned.write([new Uint8Array(100)]);
    expect(await readdir(parent)).toHaveLength(1);
    await abandoned[Symbol.asyncDispose]();
    expect(await readdir(parent)).toEqual([]);
  } finally {
    await rm(parent, { recursive: true });
  }
});

it("refuses text that is not UTF-8, and halves of a character that are only together", async () => {
  const whole = batchFrom({ s: ["binary", [new TextEncoder().encode("aü"), Uint8Array.of(98)]] });
  const data = whole.data.children[0];
  const asText = (valueOffsets: Int32Array, bytes: Uint8Array): RecordBatch => {
    const schema = new Schema([new Field("s", new Utf8(), true)]);
    const child = makeData({ type: new Utf8(), length: 2, valueOffsets, data: bytes });
    return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: 2, children: [child] }));
  };
  const bytes = data?.values as Uint8Array;
  await expect(written([asText(Int32Array.of(0, 3, 4), bytes)])).resolves.toMatchObject({ rows: 2 });
  for (const broken of [
    asText(Int32Array.of(0, 2, 4), bytes),
    asText(Int32Array.of(0, 1, 2), Uint8Array.of(97, 0xff)),
  ]) {
    await expect(written([broken])).rejects.toMatchObject({ code: "CODEC_REFUSED", details: { codec: "test" } });
  }
});

it("has each page tell of a changed byte", async () => {
  const columns: PlainColumns = {
    n: ["long", Array.from({ length: 300 }, (_, i) => BigInt(i % 7))],
    s: ["string", Array.from({ length: 300 }, (_, i) => (i % 4 === 0 ? null : `text ${i}`))],
  };
  const { bytes } = await written([batchFrom(columns)], { compression: "none" });
  const expected = await readColumns(hyparquet(), bytes);
  const footer = new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.byteLength - 8, true);
  for (let at = 4; at < bytes.byteLength - 8 - footer; at += 3) {
    const damaged = Uint8Array.from(bytes);
    damaged[at] = (damaged[at] as number) ^ 0x10;
    let found: unknown;
    try {
      await using reader = await hyparquet().open(sourceOfBytes(damaged));
      expect(reader.rows).toBe(300);
      found = await readColumns(hyparquet(), damaged);
    } catch (error) {
      if (!isAshlarError(error, "PARQUET_CORRUPT")) throw error;
      continue;
    }
    // What no reader looks at, such as the encoding of levels that are not there.
    expect(found).toEqual(expected);
  }
});
