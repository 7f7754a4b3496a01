import * as fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { columnsFor, type GeneratedColumn } from "../testing/generated-columns.ts";
import { readColumns, writeColumns } from "../testing/parquet-codec.ts";
import type { PlainColumns } from "./batch-from.ts";
import type { Value } from "./column-type.ts";
import { duckdb } from "./duckdb.ts";
import { hyparquet } from "./hyparquet.ts";

const codecs = [duckdb(), hyparquet()];
afterAll(() => Promise.all(codecs.map((codec) => codec[Symbol.asyncDispose]())));

const plain = (columns: readonly GeneratedColumn[]): PlainColumns =>
  Object.fromEntries(columns.map(({ type, values }, index) => [`c${index}`, [type, values] as const]));

const expected = (columns: readonly GeneratedColumn[]): Record<string, readonly (Value | null)[]> =>
  Object.fromEntries(columns.map(({ values }, index) => [`c${index}`, values]));

it("keeps any schema, whichever codec wrote and whichever reads", async () => {
  const property = fc.asyncProperty(columnsFor({ depth: 3, columns: 3, rows: 12 }), async (columns) => {
    for (const writer of codecs) {
      const bytes = await writeColumns(writer, plain(columns));
      for (const reader of codecs) {
        expect(await readColumns(reader, bytes), `${writer.name} to ${reader.name}`).toEqual(expected(columns));
      }
    }
  });
  await fc.assert(property, { numRuns: 60 });
});

it("keeps lists and strings that are larger than a vector", async () => {
  const long = Array.from({ length: 5000 }, (_, i) => (i % 7 === 0 ? null : `element ${i} of a long list`));
  const columns: PlainColumns = {
    list: [{ type: "array", elementType: "string", containsNull: true }, [long, [], long.slice(0, 3), null, long]],
    text: ["string", ["x".repeat(100_000), "", null, "y".repeat(13), "z".repeat(12)]],
  };
  for (const writer of codecs) {
    const bytes = await writeColumns(writer, columns);
    for (const reader of codecs) {
      expect(await readColumns(reader, bytes)).toEqual({ list: columns["list"]?.[1], text: columns["text"]?.[1] });
    }
  }
});

it("keeps every row of files longer than a vector, a batch and a row group", async () => {
  const rows = 130_001;
  const columns: PlainColumns = {
    n: ["long", Array.from({ length: rows }, (_, i) => (i % 5 === 0 ? null : BigInt(i) * 1_000_000_007n))],
    s: [
      "string",
      Array.from({ length: rows }, (_, i) => (i % 11 === 0 ? null : `${i % 3 === 0 ? "long text, row " : ""}${i}`)),
    ],
    d: ["decimal(20,3)", Array.from({ length: rows }, (_, i) => BigInt(i) * -(10n ** 13n))],
    b: ["boolean", Array.from({ length: rows }, (_, i) => (i % 4 === 0 ? null : i % 2 === 0))],
  };
  for (const writer of codecs) {
    const bytes = await writeColumns(writer, columns);
    for (const reader of codecs) {
      const found = await readColumns(reader, bytes);
      for (const [name, [, values]] of Object.entries(columns)) {
        expect(found[name]?.length).toBe(rows);
        const wrong = values.findIndex((value, row) => found[name]?.[row] !== value);
        expect(wrong, `${name}, ${writer.name} to ${reader.name}`).toBe(-1);
      }
    }
  }
});
