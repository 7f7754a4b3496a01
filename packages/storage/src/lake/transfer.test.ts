import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { manualClock, memoryObjectStore } from "@ashlar/core/memory";
import type { RecordBatch } from "apache-arrow";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rowsOf } from "../../test/rows.ts";
import { batchFrom } from "../parquet/batch-from.ts";
import type { ColumnType, Value } from "../parquet/column-type.ts";
import { duckdb } from "../parquet/duckdb.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { parquetjsLite } from "../parquet/parquetjs-lite.ts";
import type { ParquetCodec, ParquetCopyPlan } from "../parquet/port.ts";
import { columnsFor } from "../testing/generated-columns.ts";
import { writeColumns } from "../testing/parquet-codec.ts";
import { between, type LakeTable, matches, mean, notNull, oneOf, openLake, parquetFiles, unique } from "./index.ts";

type Columns = Readonly<Record<string, readonly [type: ColumnType, values: readonly (Value | null)[]]>>;

let folder = "";
let names = 0;
const engine = duckdb();
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "ashlar-transfer-"))));
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Writes columns of plain values to a file. */
async function fileOf(columns: Columns, codec: ParquetCodec = engine): Promise<string> {
  const path = join(folder, `${(names += 1)}.parquet`);
  await writeFile(path, await writeColumns(codec, columns));
  return path;
}

/** DuckDB, telling what became of the copies it was asked for; "none" may not copy. */
function watched(copies: string[], may: "copy" | "none" = "copy"): ParquetCodec {
  return {
    name: engine.name,
    capabilities: engine.capabilities,
    create: (schema, options) => engine.create(schema, options),
    open: (source, options) => engine.open(source, options),
    ...(may === "none"
      ? {}
      : {
          async copy(plan: ParquetCopyPlan) {
            const copy = await engine.copy?.(plan);
            copies.push(copy === undefined ? "given up" : "copied");
            return copy;
          },
        }),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

interface Outcome {
  readonly result: unknown;
  readonly rows: readonly string[];
  readonly aside: readonly string[];
  readonly files: readonly unknown[];
  readonly history: unknown;
}

type Writing = (table: LakeTable, path: string) => Promise<unknown>;

const append =
  (options: Parameters<LakeTable["append"]>[1] = {}): Writing =>
  (table, path) =>
    table.append(parquetFiles(path), { run: "r", ...options });

/** What a write leaves behind: a table, or an error. */
async function outcome(codec: ParquetCodec, path: string, write: Writing, partitionBy: string[]): Promise<Outcome> {
  const objects = memoryObjectStore();
  const lake = openLake({ objects, codec, clock: manualClock(1_700_000_000_000) });
  const table = await lake.table("t", { partitionBy });
  const result = await write(table, path).catch(({ code, message }: { code?: string; message: string }) => ({
    code,
    message,
  }));
  const exists = typeof result === "object" && result !== null && "version" in result;
  const text = (row: unknown): string =>
    JSON.stringify(row, (_, value: unknown) =>
      typeof value === "bigint" ? `${value}n` : Object.is(value, -0) || Number.isNaN(value) ? String(value) : value,
    );
  const read = async (batches: AsyncIterable<RecordBatch>): Promise<string[]> =>
    (await rowsOf(batches)).map(text).sort();
  const aside = await read((await lake.table("t__quarantine")).scan()).catch(() => []);
  const files: { readonly part: string; readonly stats: string }[] = [];
  for await (const { key } of objects.list("t/_delta_log/")) {
    const entry = new TextDecoder().decode(await (await objects.get(key)).bytes());
    for (const line of entry.trim().split("\n")) {
      const { add } = JSON.parse(line) as { add?: { path: string; partitionValues: unknown; stats: string } };
      if (add === undefined) continue;
      files.push({
        part: `${add.path.replace(/part-.*/, "")} ${JSON.stringify(add.partitionValues)}`,
        stats: add.stats.replaceAll(":-0,", ":0,"),
      });
    }
  }
  return {
    result,
    rows: exists ? await read(table.scan()) : [],
    aside,
    files: files.sort((a, b) => (a.part < b.part ? -1 : 1)),
    history: exists ? (await table.expectationHistory()).map(({ results }) => results) : [],
  };
}

/** The same file through the engine and through JavaScript leaves the same. @returns what became of the copy */
async function sameBothWays(path: string, write: Writing = append(), partitionBy: string[] = []): Promise<string[]> {
  const copies: string[] = [];
  const byEngine = await outcome(watched(copies), path, write, partitionBy);
  const byRows = await outcome(watched(copies, "none"), path, write, partitionBy);
  expect(byEngine).toEqual(byRows);
  return copies;
}

const flights: Columns = {
  month: ["string", ["2001-05", "2001-06", null, "2001-06"]],
  delay: ["integer", [5, -3, 12, null]],
  at: ["timestamp_ntz", [991_398_600_000_001n, null, 0n, -1n]],
};

describe("rows of Parquet files", () => {
  it("are the same table through the engine and through JavaScript", async () => {
    const path = await fileOf(flights);
    const expected = { expect: [notNull("at", { severity: "warn" }), between("delay", -3, 12)] };
    expect(await sameBothWays(path, append(), ["month"])).toEqual(["copied"]);
    expect(await sameBothWays(path, append({ expect: [between("delay", -3, 12)] }))).toEqual(["copied"]);
    expect(await sameBothWays(path, append(expected), ["month"])).toEqual(["given up"]);
  });

  it("are read by codecs that copy nothing", async () => {
    const columns = { n: ["integer", [1, null, 3]], s: ["string", ["a", "b", null]] } as const;
    for (const codec of [hyparquet(), parquetjsLite(), engine]) {
      const found = await outcome(codec, await fileOf(columns, codec), append(), []);
      expect(found.result).toMatchObject({ version: 0, rows: 3, files: 1, quarantined: 0 });
      expect(found.rows).toEqual(['{"n":1,"s":"a"}', '{"n":3,"s":null}', '{"n":null,"s":"b"}']);
    }
  });

  it("overwrite a table, unless they have to match a predicate", async () => {
    const path = await fileOf(flights);
    const replacing =
      (where?: { month: string }): Writing =>
      async (table, from) => {
        await table.append(
          batchFrom({ month: ["string", ["2001-06"]], delay: ["integer", [7]], at: ["timestamp", [7n]] }),
        );
        return table.overwrite(parquetFiles(from), { run: "r", ...(where === undefined ? {} : { where }) });
      };
    expect(await sameBothWays(path, replacing(), ["month"])).toEqual(["copied"]);
    expect(await sameBothWays(path, replacing({ month: "2001-06" }), ["month"])).toEqual([]);
  });

  it("merge by key", async () => {
    const path = await fileOf({ k: ["long", [1n, 2n]], v: ["string", ["new", "two"]] });
    const lake = openLake({ objects: memoryObjectStore(), codec: engine });
    const table = await lake.table("t");
    await table.append(batchFrom({ k: ["long", [1n]], v: ["string", ["old"]] }));
    expect(await table.merge(parquetFiles(path), { on: ["k"] })).toMatchObject({ inserted: 1, updated: 1 });
  });

  it("go into the columns of a table, or are refused as any other rows", async () => {
    const path = await fileOf(flights);
    const into =
      (columns: Columns, options: Parameters<LakeTable["append"]>[1] = {}): Writing =>
      async (table, from) => {
        await table.append(batchFrom(columns));
        return table.append(parquetFiles(from), { run: "r", ...options });
      };
    const { month, delay } = flights as Record<"month" | "delay", Columns[string]>;
    const at = ["timestamp", flights["at"]?.[1] ?? []] as const;
    expect(await sameBothWays(path, into({ delay, at, month }), ["month"])).toEqual(["copied"]);
    expect(await sameBothWays(path, into({ month, at }))).toEqual([]);
    expect(await sameBothWays(path, into({ month, at, delay: ["long", [1n, 2n, 3n, 4n]] }))).toEqual([]);
    const evolve = { evolve: "add-columns" } as const;
    expect(await sameBothWays(path, into({ month, at }, evolve))).toEqual(["copied"]);
    expect(await sameBothWays(path, into({ month, at, delay: ["long", [1n, 2n, 3n, 4n]] }, evolve))).toEqual([]);
  });

  it("fail, are set aside or are warned of with the words of the long way", async () => {
    const path = await fileOf(flights);
    for (const onViolation of ["fail", "quarantine", "warn"] as const) {
      for (const expectation of [notNull("delay"), between("delay", 0, 10), oneOf("month", ["2001-06"])]) {
        const copies = await sameBothWays(path, append({ expect: [expectation], onViolation }), ["month"]);
        expect(copies).toEqual(["given up"]);
      }
      const others = [mean("delay", { max: 100 }), unique(["delay"]), matches("month", /^2/)];
      for (const expectation of others) {
        expect(await sameBothWays(path, append({ expect: [expectation], onViolation }))).toEqual([]);
      }
    }
  });

  it("with partitions that have no name in a path, or the same one, are told apart or refused", async () => {
    const values = (parts: (string | null)[]): Columns => ({
      p: ["string", parts],
      n: ["long", parts.map((_, row) => BigInt(row))],
    });
    const odd = await fileOf(values(["a/b=c %41 ü", "..", "x\ny", "A", "a", "__HIVE_DEFAULT_PARTITION__"]));
    expect(await sameBothWays(odd, append(), ["p"])).toEqual(["copied"]);
    const alike = await fileOf(values([null, "__HIVE_DEFAULT_PARTITION__"]));
    expect(await sameBothWays(alike, append(), ["p"])).toEqual(["given up"]);
    const empty = await fileOf(values(["a", ""]));
    expect(await sameBothWays(empty, append(), ["p"])).toEqual(["copied"]);
    const long = await fileOf(values(["x".repeat(400)]));
    expect(await sameBothWays(long, append(), ["p"])).toEqual(["given up"]);
  });

  it("of several files are one version, and files that differ are not copied", async () => {
    const one = await fileOf(flights);
    const { month, delay, at } = flights as Record<"month" | "delay" | "at", Columns[string]>;
    const other = await fileOf({ at, month, delay });
    const both: Writing = (table) => table.append(parquetFiles(one, other), { run: "r" });
    expect(await sameBothWays(one, both, ["month"])).toEqual(["copied"]);
    const zoned = await fileOf({ at: ["timestamp", at[1]], month, delay });
    const mixed: Writing = (table) => table.append(parquetFiles(one, zoned), { run: "r" });
    expect(await sameBothWays(one, mixed)).toEqual(["given up"]);
    const none: Writing = (table) => table.append(parquetFiles(), { run: "r" });
    expect(await sameBothWays(one, none)).toEqual([]);
  });

  it("of any columns and values are the same both ways, statistics included", async () => {
    const property = fc.asyncProperty(columnsFor({ depth: 0, columns: 5, rows: 30 }), async (generated) => {
      const columns = Object.fromEntries(generated.map(({ type, values }, i) => [`c-${i}"`, [type, values]] as const));
      expect(await sameBothWays(await fileOf(columns))).toEqual(["copied"]);
    });
    await fc.assert(property, { numRuns: 25 });
  });

  it("satisfy a condition in the engine as they do here", async () => {
    const number = fc.oneof(fc.double(), fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 1));
    const end = number.filter((value) => !Number.isNaN(value));
    const word = fc.constantFrom("", "a", "b", "é", "z", "\u{10000}", "\uffff", "'");
    const cases = fc.record({
      d: fc.array(fc.option(number), { minLength: 1, maxLength: 3 }),
      ends: fc.tuple(end, end),
      s: fc.array(fc.option(word), { minLength: 1, maxLength: 3 }),
      words: fc.uniqueArray(word, { maxLength: 3 }),
      days: fc.tuple(fc.constantFrom(-1, 0.5, 1), fc.constantFrom(1, 1.5, 2)),
      tested: fc.nat({ max: 4 }),
    });
    const property = fc.asyncProperty(cases, async ({ d, ends, s, words, days, tested }) => {
      const rows = Math.max(d.length, s.length);
      const filled = <Item>(items: readonly Item[]): Item[] =>
        Array.from({ length: rows }, (_, i) => items[i % items.length] as Item);
      const columns: Columns = {
        d: ["double", filled(d)],
        f: ["float", filled(d.map((value) => (value === null ? null : Math.fround(value))))],
        s: ["string", filled(s)],
        day: ["date", filled([0, 1, 2])],
      };
      const path = await fileOf(columns);
      const expectations = [
        between("d", ...ends),
        between("f", ...ends),
        oneOf("d", ends),
        oneOf("s", words),
        between("day", ...days),
      ];
      const copies = await sameBothWays(path, append({ expect: expectations.slice(tested, tested + 1) }));
      expect(copies.length).toBeLessThanOrEqual(1);
    });
    await fc.assert(property, { numRuns: 40 });
  });
});
