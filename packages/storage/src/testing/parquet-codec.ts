import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toBytes } from "@ashlar/core";
import { describe, expect, it } from "vitest";
import { batchFrom, type PlainColumns } from "../parquet/batch-from.ts";
import { type ColumnType, type PrimitiveType, typeText, type Value } from "../parquet/column-type.ts";
import { columnsOf } from "../parquet/column.ts";
import { typesOf } from "../parquet/footer.ts";
import type { ParquetCodec, ParquetScanOptions } from "../parquet/port.ts";
import { type ColumnTest, testsOf } from "../parquet/predicate.ts";
import { sourceOfBytes, sourceOfFile } from "../parquet/source.ts";

/** Writes one file. */
export async function writeColumns(codec: ParquetCodec, columns: PlainColumns): Promise<Uint8Array> {
  const batch = batchFrom(columns);
  await using writer = await codec.create(batch.schema);
  await writer.write(batch);
  // Awaited here: the file behind the body is gone once the writer is disposed.
  return await toBytes((await writer.finish()).body);
}

/** Reads a file back to plain values. */
export async function readColumns(
  codec: ParquetCodec,
  bytes: Uint8Array,
  options: ParquetScanOptions = {},
): Promise<Record<string, (Value | null)[]>> {
  await using reader = await codec.open(sourceOfBytes(bytes));
  const found: Record<string, (Value | null)[]> = {};
  for await (const batch of reader.scan(options)) {
    for (const column of columnsOf(batch)) {
      const values = (found[column.name] ??= []);
      for (let row = 0; row < column.length; row++) values.push(column.get(row));
    }
  }
  return found;
}

const samples: Record<PrimitiveType, readonly (Value | null)[]> = {
  boolean: [true, null, false],
  byte: [-128, null, 127],
  short: [-32_768, null, 32_767],
  integer: [-2_147_483_648, null, 2_147_483_647],
  long: [-9_223_372_036_854_775_808n, null, 9_007_199_254_740_993n],
  float: [1.5, null, -0],
  double: [0.1, null, -0],
  string: ["", null, "ä😀 a string of more than twelve bytes"],
  binary: [Uint8Array.of(0, 255), null, new Uint8Array(20).fill(7)],
  date: [-1, null, 20_000],
  timestamp: [-1n, null, 978_307_260_000_001n],
  timestamp_ntz: [-1n, null, 978_307_260_000_001n],
};

/** Decimals of each width that codecs store them in. */
const decimals: readonly (readonly [ColumnType, readonly (Value | null)[]])[] = [
  ["decimal(4,2)", [-9999n, null, 9999n]],
  ["decimal(9,0)", [-999_999_999n, null, 1n]],
  ["decimal(18,18)", [-(10n ** 18n - 1n), null, 0n]],
  ["decimal(38,10)", [-(10n ** 38n - 1n), null, 12_345_678_901_234_567_890_123n]],
];

const point: ColumnType = {
  type: "struct",
  fields: [
    { name: "x", type: "double", nullable: true, metadata: {} },
    { name: "tags", type: { type: "array", elementType: "string", containsNull: true }, nullable: true, metadata: {} },
  ],
};
const nested: readonly (readonly [ColumnType, readonly (Value | null)[]])[] = [
  [point, [{ x: 1.5, tags: ["a", null, ""] }, null, { x: null, tags: [] }, { x: null, tags: null }]],
  [{ type: "array", elementType: point, containsNull: true }, [[], [null, { x: 0.1, tags: ["ä"] }], null]],
  [
    { type: "map", keyType: "string", valueType: "decimal(20,2)", valueContainsNull: true },
    [
      [["k", 150n]],
      null,
      [],
      [
        ["", null],
        ["z", -1n],
      ],
    ],
  ],
];

export interface ParquetCodecSuite {
  readonly create: () => ParquetCodec;
  /** Values to keep instead of the hardest ones, for a codec that refuses some values by name. @default {} */
  readonly samples?: Partial<Record<PrimitiveType, readonly (Value | null)[]>>;
}

/** The contract of `ParquetCodec`. */
export function describeParquetCodec(name: string, suite: ParquetCodecSuite): void {
  describe(`${name}: Parquet codec`, () => {
    const codec = suite.create();
    const { columnTypes } = codec.capabilities;
    const able = (group: "decimals" | "nested"): boolean => codec.capabilities[group];
    const cases = [
      ...decimals.map((one) => ["decimals", ...one] as const),
      ...nested.map((one) => ["nested", ...one] as const),
    ];
    const named = cases.map(([group, type, values]) => [group, typeText(type), type, values] as const);
    const kept = named.flatMap(([group, ...one]) => (able(group) ? [one] : []));
    const refused = named.flatMap(([group, ...one]) => (able(group) ? [] : [one]));

    it.each([...columnTypes])("keeps %s values and nulls", async (type) => {
      const values = suite.samples?.[type] ?? samples[type];
      const bytes = await writeColumns(codec, { c: [type, values] });
      expect((await readColumns(codec, bytes))["c"]).toEqual(values);
    });

    it.each(kept)("keeps %s values, what is empty and what is null", async (_, type, values) => {
      const bytes = await writeColumns(codec, { c: [type, values] });
      expect((await readColumns(codec, bytes))["c"]).toEqual(values);
    });

    it.each(refused)("refuses %s by name", async (_, type, values) => {
      const writing = writeColumns(codec, { c: [type, values] });
      await expect(writing).rejects.toMatchObject({ code: "TYPE_UNSUPPORTED", details: { column: "c" } });
    });

    it("tells schema, rows and bounds, and reads the columns asked for in that order", async () => {
      const bytes = await writeColumns(codec, { a: ["long", [3n, 1n, null]], b: ["string", ["x", "y", "z"]] });
      await using reader = await codec.open(sourceOfBytes(bytes));
      expect(reader.rows).toBe(3);
      expect(reader.schema.names).toEqual(["a", "b"]);
      expect(reader.rowGroups.reduce((sum, group) => sum + group.rows, 0)).toBe(3);
      expect(Object.keys(await readColumns(codec, bytes, { columns: ["b", "a"] }))).toEqual(["b", "a"]);
      await expect(readColumns(codec, bytes, { columns: ["c"] })).rejects.toMatchObject({ code: "COLUMN_UNKNOWN" });
    });

    it("returns every row that matches, and skips row groups that cannot", async () => {
      const bytes = await writeColumns(codec, { a: ["long", [1n, 2n, 3n]] });
      expect((await readColumns(codec, bytes, { where: { a: { gte: 2 } } }))["a"]).toEqual(
        expect.arrayContaining([2n, 3n]),
      );
      expect(await readColumns(codec, bytes, { where: { a: { gt: 3 } } })).toEqual({});
    });

    const copying = codec.copy === undefined ? [] : [codec.copy.bind(codec)];
    it.each(copying)("copies files by partition where every row passes, and else not at all", async (copyFiles) => {
      const folder = await mkdtemp(join(tmpdir(), "ashlar-codec-"));
      try {
        const path = join(folder, "from.parquet");
        const from = { p: ["string", ["x", null, "x"]], n: ["long", [3n, null, 1n]] } as const;
        await writeFile(path, await writeColumns(codec, from));
        const { schema } = batchFrom(from);
        const [test] = testsOf({ n: { gte: 1, lte: 3 } }, typesOf(schema)) as [ColumnTest];
        const plan = { sources: [await sourceOfFile(path)], schema, partitionBy: ["p"] };
        await using copy = await copyFiles({ ...plan, checks: [{ test, nullPasses: true }] });
        const found = new Map<unknown, unknown>();
        for (const file of copy?.files ?? []) {
          found.set(file.partition.get("p"), {
            rows: file.rows,
            bounds: file.columns.get("n"),
            values: await readColumns(codec, await toBytes(file.body)),
          });
        }
        expect(found.get("x")).toMatchObject({ rows: 2, bounds: { min: 1n, max: 3n, nulls: 0 } });
        expect(found.get("x")).toMatchObject({ values: { n: expect.arrayContaining([1n, 3n]) as unknown } });
        expect(found.get(null)).toMatchObject({ rows: 1, bounds: { nulls: 1 }, values: { n: [null] } });
        expect(await copyFiles({ ...plan, checks: [{ test, nullPasses: false }] })).toBeUndefined();
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });

    it("names a file that is none", async () => {
      const opening = codec.open(sourceOfBytes(new Uint8Array(100), "broken.parquet"));
      await expect(opening).rejects.toMatchObject({ code: "PARQUET_CORRUPT", details: { file: "broken.parquet" } });
    });
  });
}
