import { memoryObjectStore } from "@ashlar/core/memory";
import { afterAll, describe, expect, it } from "vitest";
import { rowsOf } from "../../test/rows.ts";
import { duckdb } from "../parquet/duckdb.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, type Condition, openLake, type PlainColumns, type PredicateValue } from "./index.ts";

const codecs = [duckdb(), hyparquet()];
afterAll(() => Promise.all(codecs.map((codec) => codec[Symbol.asyncDispose]())));

const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n];

describe.each(codecs)("what is at the end of its type, by $name", (codec) => {
  const table = async (columns: PlainColumns) => {
    const made = await openLake({ objects: memoryObjectStore(), codec }).table("t");
    await made.append(batchFrom(columns));
    return async (where: Condition): Promise<unknown[]> =>
      (await rowsOf(made.scan({ where: { v: where } }))).map((row) => row["v"]);
  };

  // DuckDB takes the greatest and the second least of 64 bits for infinities, which it cannot be asked for by number.
  it.each(["long", "timestamp", "timestamp_ntz"] as const)(
    "is found in a column of %s, and nothing beyond it",
    async (type) => {
      const values = [least, least + 1n, 0n, most - 1n, most];
      const found = await table({ v: [type, values] });
      for (const value of values) {
        expect(await found({ eq: value })).toEqual([value]);
        expect(await found({ gte: value })).toEqual(values.filter((other) => other >= value));
        expect(await found({ lt: value })).toEqual(values.filter((other) => other < value));
        expect(await found({ in: [value, 2n ** 70n] })).toEqual([value]);
      }
      expect(await found({ gt: most + 1n })).toEqual([]);
      expect(await found({ gt: -(2n ** 70n), lt: 2n ** 70n })).toEqual(values);
    },
  );

  it("is found in a column of strings, with the character that ends a text of C", async () => {
    const values = ["", "\0", "\0".repeat(40), "a", "a\0b", "a\0c", "b"];
    const found = await table({ v: ["string", values] });
    for (const [index, value] of values.entries()) {
      expect(await found({ eq: value })).toEqual([value]);
      expect(await found({ gt: value })).toEqual(values.slice(index + 1));
    }
    expect(await found({ in: ["a\0b", "'; --"] })).toEqual(["a\0b"]);
    // Half of a character is in no text.
    expect(await found({ eq: "\ud800" as PredicateValue })).toEqual([]);
  });

  it.each(["float", "double"] as const)(
    "counts a NaN of a column of %s wherever no bound is asked for",
    async (type) => {
      const values = [Number.NaN, -Infinity, -0, 1, Infinity];
      const found = await table({ v: [type, [...values, null]] });
      expect(await found({})).toEqual(values);
      expect(await found({ null: false })).toEqual(values);
      expect(await found({ gte: -Infinity })).toEqual(values.slice(1));
      expect(await found({ lte: Infinity })).toEqual(values.slice(1));
      expect(await found({ eq: 0 })).toEqual([-0]);
    },
  );
});
