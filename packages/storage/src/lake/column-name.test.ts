import { memoryObjectStore } from "@ashlar/core/memory";
import { Schema } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { rowsOf } from "../../test/rows.ts";
import { arrowField } from "../parquet/arrow-type.ts";
import type { ColumnType } from "../parquet/column-type.ts";
import { duckdb } from "../parquet/duckdb.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, type LakeTable, openLake } from "./index.ts";
import { TableLog } from "./log.ts";
import { creationActions } from "./creation.ts";

const within = (name: string): ColumnType => ({
  type: "array",
  containsNull: true,
  elementType: { type: "struct", fields: [{ name, type: "long", nullable: true, metadata: {} }] },
});
const good = batchFrom({ n: ["long", [1n]] });
const withColumn = (name: string, type: ColumnType = "long") =>
  batchFrom({ n: ["long", [2n]], [name]: [type, [null]] });
const tableOf = async (codec = hyparquet()): Promise<LakeTable> => {
  const table = await openLake({ objects: memoryObjectStore(), codec }).table("t");
  await table.append(good);
  return table;
};
const mapped = { properties: { "delta.columnMapping.mode": "name" } };

describe("the name of a new column", () => {
  const refused = [..." ,;{}()\n\t="].map(
    (character) => [`a${character}b`, "long", JSON.stringify(character)] as const,
  );
  it.each([
    ...refused,
    ["s", within("a b"), '"a b" of a field within the column "s"'],
    ["a\ud800", "long", "lone surrogate"],
    ["a\0", "long", "zero character"],
  ] as readonly (readonly [string, ColumnType, string])[])(
    "is held to one rule on every way in: %j %j",
    async (name, type, said) => {
      const rows = withColumn(name, type);
      const message = expect.stringContaining(said) as string;
      const refusal = { code: "SCHEMA_MISMATCH", message };
      const lake = openLake({ objects: memoryObjectStore(), codec: hyparquet() });
      await expect((await lake.table("new")).append(rows)).rejects.toMatchObject(refusal);
      await expect((await lake.table("new")).overwrite(rows)).rejects.toMatchObject(refusal);
      const declared = await lake.table("new", { schema: rows.schema });
      await expect(declared.append(rows)).rejects.toMatchObject(refusal);
      const table = await tableOf();
      await expect(table.append(rows, { evolve: "add-columns" })).rejects.toMatchObject(refusal);
      await expect(table.overwrite(rows, { evolve: "add-columns" })).rejects.toMatchObject(refusal);
      const add = [arrowField(name, type)];
      await expect(table.alter({ add })).rejects.toMatchObject({ code: "ALTER_INVALID", message });
      expect((await table.snapshot()).version).toBe(0);
    },
  );

  it.each(["hyparquet", "duckdb"] as const)(
    "may be any text in a table that maps its columns, as the error says: %s",
    async (codec) => {
      await using parquet = codec === "duckdb" ? duckdb() : hyparquet();
      const table = await tableOf(parquet);
      const add = [arrowField("a b", "long"), arrowField("s", within("x, y"))];
      await table.alter({ ...mapped, add });
      await table.alter({ rename: { from: "n", to: "n = {1}" } });
      const item = { "x, y": 4n };
      const rows = batchFrom({ "n = {1}": ["long", [2n]], "a b": ["long", [3n]], s: [within("x, y"), [[item]]] });
      await table.append(rows);
      expect(await rowsOf(table.scan({ where: { "a b": 3n } }))).toEqual([{ "n = {1}": 2n, "a b": 3n, s: [item] }]);
      for (const name of ["\ud800", "\0"]) {
        const problem = { code: "ALTER_INVALID" };
        await expect(table.alter({ add: [arrowField(name, "long")] })).rejects.toMatchObject(problem);
        await expect(table.alter({ rename: { from: "s", to: name } })).rejects.toMatchObject(problem);
      }
    },
  );

  it.each(["hyparquet", "duckdb"] as const)(
    "is no matter where another engine has made the table: %s",
    async (codec) => {
      const objects = memoryObjectStore();
      const columns = ["a b", "c;d"].map((name) => ({ name, type: "long", nullable: true, metadata: {} }) as const);
      await new TableLog(objects, "theirs").write(0, creationActions({ columns, partitionBy: ["c;d"] }, 0));
      await using parquet = codec === "duckdb" ? duckdb() : hyparquet();
      const lake = openLake({ objects, codec: parquet });
      const schema = new Schema(columns.map(({ name, type }) => arrowField(name, type)));
      const table = await lake.table("theirs", { schema });
      await table.append(batchFrom({ "a b": ["long", [1n, 2n]], "c;d": ["long", [3n, 4n]] }));
      await table.append(batchFrom({ "a b": ["long", [5n]], e: ["long", [6n]] }), { evolve: "add-columns" });
      await table.update({ where: { "c;d": 4n }, set: { "a b": 7n } });
      expect((await rowsOf(table.scan())).map((row) => [row["a b"], row["c;d"], row["e"]])).toEqual(
        expect.arrayContaining([
          [1n, 3n, null],
          [7n, 4n, null],
          [5n, null, 6n],
        ]),
      );
    },
  );

  it("may be one of the feed where no changes are kept, on every way in", async () => {
    const table = await tableOf();
    await table.alter({ add: [arrowField("_change_type", "string")] });
    await table.append(batchFrom({ n: ["long", [2n]], _commit_version: ["long", [3n]] }), { evolve: "add-columns" });
    expect(await rowsOf(table.scan({ where: { n: 2n } }))).toEqual([
      { n: 2n, _change_type: null, _commit_version: 3n },
    ]);
    const keep = { properties: { "delta.enableChangeDataFeed": true } };
    await expect(table.alter(keep)).rejects.toMatchObject({ code: "ALTER_INVALID" });
    const kept = await tableOf();
    await kept.alter(keep);
    await expect(kept.alter({ add: [arrowField("_change_type", "string")] })).rejects.toMatchObject({
      code: "ALTER_INVALID",
    });
    await expect(kept.alter({ rename: { from: "n", to: "_change_type" } })).rejects.toMatchObject({
      code: "ALTER_INVALID",
    });
  });
});
