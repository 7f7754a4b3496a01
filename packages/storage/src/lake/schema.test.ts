import { memoryObjectStore } from "@ashlar/core/memory";
import { Field, makeData, RecordBatch, Schema, Struct } from "apache-arrow";
import { expect, it } from "vitest";
import { rowsOf } from "../../test/rows.ts";
import { arrowField } from "../parquet/arrow-type.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, openLake } from "./index.ts";

it("has a name for every column, and for every field within one", async () => {
  const lake = openLake({ objects: memoryObjectStore(), codec: hyparquet() });
  const table = await lake.table("t");
  const nameless = batchFrom({ a: ["long", [1n]], "": ["long", [1n]] });
  await expect(table.append(nameless)).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
  await table.append(batchFrom({ a: ["long", [1n]] }));
  await expect(table.append(nameless, { evolve: "add-columns" })).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
  await expect(table.alter({ add: nameless.schema.fields.slice(1) })).rejects.toMatchObject({
    code: "SCHEMA_MISMATCH",
  });
  const field = { name: "", type: "long", nullable: true, metadata: {} } as const;
  const within = batchFrom({ a: [{ type: "struct", fields: [field] }, [{ "": 1n }]] });
  await expect(table.append(within)).rejects.toMatchObject({ code: "TYPE_UNSUPPORTED" });
});

it("has one column of a name, also in rows for a table that is there", async () => {
  const lake = openLake({ objects: memoryObjectStore(), codec: hyparquet() });
  const table = await lake.table("t");
  const rows = batchFrom({ a: ["long", [1n]], b: ["long", [2n]] });
  const fields = rows.schema.fields.map(({ type }) => new Field("a", type, true));
  const { children } = rows.data;
  const twice = new RecordBatch(
    new Schema(fields),
    makeData({ type: new Struct(fields), length: 1, nullCount: 0, children }),
  );
  const refusal = { code: "SCHEMA_MISMATCH", message: expect.stringContaining('the column "a" comes twice') as string };
  await expect(table.append(twice)).rejects.toMatchObject(refusal);
  await table.append(batchFrom({ a: ["long", [1n]] }));
  await expect(table.append(twice)).rejects.toMatchObject(refusal);
  await expect(table.append(twice, { evolve: "add-columns" })).rejects.toMatchObject(refusal);
  await expect(table.overwrite(twice)).rejects.toMatchObject(refusal);
  await expect(table.merge(twice, { on: ["a"] })).rejects.toMatchObject(refusal);
  expect((await table.snapshot()).version).toBe(0);
});

it("is taken from another table without what that has noted of it", async () => {
  const lake = openLake({ objects: memoryObjectStore(), codec: hyparquet() });
  const old = await lake.table("old");
  const struct = {
    type: "struct",
    fields: [{ name: "x", type: "long", nullable: true, metadata: {} }],
  } as const;
  await old.append(batchFrom({ n: ["integer", [1]], s: ["string", ["a"]] }));
  await old.alter({ rename: { from: "s", to: "label" }, widen: { column: "n", type: "long" } });
  await old.alter({ add: [arrowField("more", struct)] });
  const rows = batchFrom({ n: ["long", [2n]], label: ["string", ["b"]], more: [struct, [{ x: 3n }]] });
  await old.append(rows);
  const { schema } = await old.snapshot();
  const copy = await lake.table("copy", { schema });
  await copy.append(old.scan());
  const all = await rowsOf(old.scan());
  expect(all).toContainEqual({ n: 2n, label: "b", more: { x: 3n } });
  expect(await rowsOf(copy.scan())).toEqual(all);
  expect((await copy.snapshot()).schema.fields.map(({ metadata }) => metadata.size)).toEqual([0, 0, 0]);
  // The numbers of columns are those of their own table.
  const other = await lake.table("other");
  await other.append(batchFrom({ n: ["long", [2n]] }));
  await other.alter({ properties: { "delta.columnMapping.mode": "name" } });
  await other.alter({ add: schema.fields.slice(1) });
  await other.append(rows);
  expect(await rowsOf(other.scan({ where: { label: "b" } }))).toEqual([{ n: 2n, label: "b", more: { x: 3n } }]);
  const numbers = (await other.snapshot()).schema.fields.map(({ metadata }) => metadata.get("delta.columnMapping.id"));
  expect(new Set(numbers).size).toBe(3);
});
