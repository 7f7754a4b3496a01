import * as fc from "fast-check";
import { expect, it } from "vitest";
import { describeParquetCodec } from "../testing/index.ts";
import { readColumns, writeColumns } from "../testing/parquet-codec.ts";
import type { Scalar } from "./column-type.ts";
import { duckdb } from "./duckdb.ts";
import { loadDuckDb } from "./duckdb-library.ts";
import { hyparquet } from "./hyparquet.ts";
import { parquetjsLite } from "./parquetjs-lite.ts";

describeParquetCodec("duckdb", { create: () => duckdb() });
describeParquetCodec("hyparquet", { create: () => hyparquet() });
describeParquetCodec("parquetjs-lite", {
  create: () => parquetjsLite(),
  samples: { long: [-9_007_199_254_740_991n, null, 9_007_199_254_740_991n], double: [0.1, null, -2] },
});

const optional = <Value extends Scalar>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> => fc.option(value);
const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary" }).filter((s) => s.isWellFormed() && !s.includes("\0")),
);
const row = fc.record({
  flag: optional(fc.boolean()),
  int: optional(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
  long: optional(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  double: optional(fc.double()),
  text: optional(text),
  at: optional(fc.bigInt({ min: -(2n ** 55n), max: 2n ** 55n })),
});

it("gives the same rows whichever codec wrote and whichever reads", async () => {
  const codecs = [duckdb(), hyparquet()];
  const generated = fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 40 }), async (rows) => {
    const columns = {
      flag: ["boolean", rows.map((r) => r.flag)],
      int: ["integer", rows.map((r) => r.int)],
      long: ["long", rows.map((r) => r.long)],
      double: ["double", rows.map((r) => r.double)],
      text: ["string", rows.map((r) => r.text)],
      at: ["timestamp", rows.map((r) => r.at)],
    } as const;
    const expected = Object.fromEntries(Object.entries(columns).map(([name, [, values]]) => [name, values]));
    for (const writer of codecs) {
      const bytes = await writeColumns(writer, columns);
      for (const reader of codecs) expect(await readColumns(reader, bytes)).toEqual(expected);
    }
  });
  await fc.assert(generated, { numRuns: 25 });
});

it("keeps the sign of every zero, however often they come", async () => {
  const zeros = Array.from({ length: 60 }, (_, i) => (i % 3 === 0 ? -0 : i % 7 === 0 ? null : 0));
  const list = { type: "array", elementType: "float", containsNull: true } as const;
  const columns = {
    single: ["float", zeros],
    double: ["double", zeros],
    list: [list, zeros.map((zero) => [zero, 1])],
  } as const;
  for (const writer of [duckdb(), hyparquet()]) {
    const bytes = await writeColumns(writer, columns);
    for (const reader of [duckdb(), hyparquet()]) {
      const read = await readColumns(reader, bytes);
      expect(read).toEqual({ single: zeros, double: zeros, list: columns.list[1] });
    }
  }
});

it("lets the others read what parquetjs-lite wrote", async () => {
  const columns = {
    a: ["long", [9_007_199_254_740_991n, null]],
    s: ["string", ["", "ü"]],
    d: ["double", [-1.5, null]],
  } as const;
  const bytes = await writeColumns(parquetjsLite(), columns);
  for (const codec of [duckdb(), hyparquet()]) {
    expect(await readColumns(codec, bytes)).toEqual({ a: columns.a[1], s: columns.s[1], d: columns.d[1] });
  }
});

it("refuses by name what a codec cannot hold", async () => {
  const zstd = await writeColumns(hyparquet(), { a: ["long", [1n]] });
  await expect(readColumns(parquetjsLite(), zstd)).rejects.toMatchObject({ code: "CODEC_REFUSED" });
  for (const value of [Number.NaN, -0]) {
    const writing = writeColumns(parquetjsLite(), { d: ["double", [value]] });
    await expect(writing).rejects.toMatchObject({ code: "CODEC_REFUSED" });
  }
  const large = writeColumns(parquetjsLite(), { n: ["long", [9_007_199_254_740_993n]] });
  await expect(large).rejects.toMatchObject({ code: "CODEC_REFUSED" });
  const at = writeColumns(parquetjsLite(), { t: ["timestamp", [1n]] });
  await expect(at).rejects.toMatchObject({ code: "TYPE_UNSUPPORTED", details: { column: "t", type: "timestamp" } });
});

it("names the package to install when DuckDB is absent", async () => {
  const loading = loadDuckDb(() => Promise.reject(new Error("Cannot find package")));
  await expect(loading).rejects.toMatchObject({ code: "LIBRARY_MISSING", details: { name: "@duckdb/node-api" } });
});
