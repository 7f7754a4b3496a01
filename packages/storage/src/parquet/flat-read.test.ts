import { isAshlarError, toBytes } from "@ashlar/core";
import type { RecordBatch, Schema } from "apache-arrow";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { columnsFor } from "../testing/generated-columns.ts";
import { readColumns } from "../testing/parquet-codec.ts";
import { batchFrom, type PlainColumns } from "./batch-from.ts";
import { ByteSink } from "./byte-sink.ts";
import type { Value } from "./column-type.ts";
import { columnsOf } from "./column.ts";
import { duckdb } from "./duckdb.ts";
import { type DuckDbSession, startDuckDb } from "./duckdb-session.ts";
import { createWithDuckDb } from "./duckdb-write.ts";
import { flatPlan, readFlat } from "./flat-read.ts";
import { FlatWriter } from "./flat-write.ts";
import { readFooter } from "./footer.ts";
import { HyparquetWriter } from "./hyparquet-write.ts";
import type { Compression, ParquetWriter } from "./port.ts";
import { sourceOfBytes } from "./source.ts";

let session: DuckDbSession;
beforeAll(async () => {
  session = await startDuckDb({});
});
afterAll(() => session[Symbol.asyncDispose]());

const writers: Record<string, (schema: Schema, compression: Compression) => Promise<ParquetWriter>> = {
  duckdb: (schema, compression) => createWithDuckDb(session, schema, compression),
  "hyparquet-writer": async (schema, compression) => new HyparquetWriter(schema, compression),
  ours: async (schema, compression) => new FlatWriter({ schema, compression, sink: new ByteSink(), codec: "test" }),
};

async function written(writer: string, batch: RecordBatch, compression: Compression = "zstd"): Promise<Uint8Array> {
  await using made = await (writers[writer] as (typeof writers)[string])(batch.schema, compression);
  await made.write(batch);
  return await toBytes((await made.finish()).body);
}

/** Undefined where it is left to others. */
async function read(bytes: Uint8Array): Promise<Record<string, (Value | null)[]> | undefined> {
  const source = sourceOfBytes(bytes);
  const footer = await readFooter(source);
  const plan = flatPlan(footer, footer.schema);
  if (plan === undefined) return undefined;
  const found: Record<string, (Value | null)[]> = {};
  for await (const batch of readFlat(source, plan)) {
    for (const { name, length, get } of columnsOf(batch)) {
      (found[name] ??= []).push(...Array.from({ length }, (_, row) => get(row)));
    }
  }
  return found;
}

it.each(Object.keys(writers))("reads every flat column that %s wrote, to the last bit", async (writer) => {
  const property = fc.asyncProperty(columnsFor({ depth: 0, columns: 4, rows: 40 }), async (generated) => {
    // Decimals of more than 18 digits are read elsewhere.
    const kept = generated.filter(({ type }) => !/^decimal\((19|[23]\d)/.test(String(type)));
    const columns: PlainColumns = Object.fromEntries(
      kept.map(({ type, values }, index) => [`c${index}`, [type, values] as const]),
    );
    fc.pre(kept.length > 0);
    const found = await read(await written(writer, batchFrom(columns)));
    expect(found).toEqual(Object.fromEntries(kept.map(({ values }, index) => [`c${index}`, values])));
  });
  await fc.assert(property, { numRuns: 40 });
});

it.each(["zstd", "snappy", "gzip", "none"] as const)(
  "reads pages and dictionaries of many values, by %s",
  async (compression) => {
    const rows = 9000;
    const columns: PlainColumns = {
      many: ["long", Array.from({ length: rows }, (_, i) => (i % 9 === 0 ? null : BigInt(i) << 33n))],
      few: ["double", Array.from({ length: rows }, (_, i) => (i % 5) - 0.5)],
      text: ["string", Array.from({ length: rows }, (_, i) => (i % 4 === 0 ? null : `${i % 3 === 0 ? "ü" : i}`))],
      flag: ["boolean", Array.from({ length: rows }, (_, i) => (i % 7 === 0 ? null : i % 2 === 0))],
    };
    for (const writer of Object.keys(writers)) {
      const found = await read(await written(writer, batchFrom(columns), compression));
      for (const [name, [, values]] of Object.entries(columns))
        expect(found?.[name], `${writer}: ${name}`).toEqual(values);
    }
  },
);

it("leaves columns with parts and wide decimals to others", async () => {
  const list = { type: "array", elementType: "long", containsNull: true } as const;
  for (const columns of [{ c: [list, [[1n]]] }, { c: ["decimal(20,0)", [1n]] }] as const) {
    const bytes = await written("hyparquet-writer", batchFrom(columns));
    expect(await read(bytes)).toBeUndefined();
    expect(await readColumns(duckdb(), bytes)).toEqual({ c: columns.c[1] });
  }
});

it("streams what a dictionary makes too large to be held, from the row group on where it is", async () => {
  const long = "x".repeat(1024 * 1024);
  const texts = (count: number, text: string): RecordBatch =>
    batchFrom({ s: ["string", Array.from({ length: count }, () => text)] });
  const [group, large] = [texts(122_880, "a"), texts(70, long)];
  const sink = new ByteSink();
  await using writer = new FlatWriter({ schema: group.schema, compression: "zstd", sink, codec: "test" });
  await writer.write(group);
  await writer.write(large);
  const bytes = await toBytes((await writer.finish()).body);
  await using codec = duckdb();
  await using reader = await codec.open(sourceOfBytes(bytes));
  expect(reader.rowGroups.length).toBeGreaterThan(1);
  let rows = 0;
  let characters = 0;
  for await (const batch of reader.scan()) {
    const [column] = columnsOf(batch);
    rows += batch.numRows;
    characters += (column?.data.valueOffsets[batch.numRows] as number) - (column?.data.valueOffsets[0] as number);
  }
  expect([rows, characters]).toEqual([122_950, 122_880 + 70 * long.length]);
});

/** What is read, or the code of the error. */
async function outcome(bytes: Uint8Array): Promise<unknown> {
  try {
    return await read(bytes);
  } catch (error) {
    return isAshlarError(error) ? error.code : error;
  }
}

it("names damage anywhere in a file, or gives the values that were written", async () => {
  const columns: PlainColumns = {
    n: ["long", Array.from({ length: 200 }, (_, i) => BigInt(i % 7))],
    s: ["string", Array.from({ length: 200 }, (_, i) => (i % 4 === 0 ? null : `text ${i % 50}`))],
    b: ["boolean", Array.from({ length: 200 }, (_, i) => i % 3 === 0)],
  };
  const bytes = await written("ours", batchFrom(columns), "none");
  const whole = await outcome(bytes);
  const footer = new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.byteLength - 8, true);
  const outcomes: unknown[] = [];
  for (let at = 4; at < bytes.byteLength - 8 - footer; at++) {
    const damaged = Uint8Array.from(bytes);
    damaged[at] = (damaged[at] as number) ^ (1 << (at & 7));
    outcomes.push(await outcome(damaged));
  }
  const unnamed = outcomes.filter((one) => one !== "PARQUET_CORRUPT");
  expect(outcomes.length - unnamed.length).toBeGreaterThan(0.9 * outcomes.length);
  // What no reader looks at, such as the encoding of levels that are not there.
  for (const one of unnamed) expect(one).toEqual(whole);
});

it("survives damage that no checksum tells of: it is named, or rows are as many as they were", async () => {
  const columns: PlainColumns = {
    n: ["integer", Array.from({ length: 100 }, (_, i) => (i % 9 === 0 ? null : i % 7))],
    s: ["string", Array.from({ length: 100 }, (_, i) => `text ${i % 5}`)],
  };
  const bytes = await written("duckdb", batchFrom(columns), "none");
  const property = fc.asyncProperty(fc.nat(bytes.byteLength - 1), fc.nat(255), async (at, value) => {
    const damaged = Uint8Array.from(bytes);
    damaged[at] = value;
    const found = await outcome(damaged);
    const isNamed = found === "PARQUET_CORRUPT" || found === "TYPE_UNSUPPORTED";
    const lengths =
      isNamed || found === undefined
        ? []
        : Object.values(found as Record<string, unknown[]>).map(({ length }) => length);
    expect(
      lengths.every((length) => length === 100),
      String(found),
    ).toBe(true);
  });
  await fc.assert(property, { numRuns: 400 });
});

it("gives an unsigned integer of 64 bits to others, which know its sign", async () => {
  const bytes = await written("ours", batchFrom({ n: ["long", [-1n]] }));
  const footer = await readFooter(sourceOfBytes(bytes));
  const columns = footer.columns.map((column) => ({
    ...column,
    type: "decimal(20,0)" as const,
  })) as typeof footer.columns;
  expect(flatPlan({ ...footer, columns }, footer.schema)).toBeUndefined();
});
