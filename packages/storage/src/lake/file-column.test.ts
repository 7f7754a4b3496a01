import type { ObjectStore } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rowsOf } from "../../test/rows.ts";
import { batchFrom } from "../parquet/batch-from.ts";
import { type ColumnType, isNested, type StructField, type Value } from "../parquet/column-type.ts";
import { arrowField } from "../parquet/arrow-type.ts";
import { columnOf } from "../parquet/column.ts";
import { duckdb } from "../parquet/duckdb.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import type { ParquetCodec } from "../parquet/port.ts";
import { sourceOfObject } from "../parquet/source.ts";
import { type LakeTable, openLake } from "./index.ts";
import { fromFile, readsAs } from "./file-column.ts";

const struct = (...fields: readonly (readonly [name: string, type: ColumnType])[]): ColumnType => ({
  type: "struct",
  fields: fields.map(([name, type]) => ({ name, type, nullable: true, metadata: {} })),
});
const arrayOf = (elementType: ColumnType): ColumnType => ({ type: "array", elementType, containsNull: true });
const mapOf = (valueType: ColumnType): ColumnType => ({
  type: "map",
  keyType: "string",
  valueType,
  valueContainsNull: true,
});

const leaf = fc.constantFrom<ColumnType>("long", "string", "integer", "double", "timestamp");
const anyType = fc.letrec<{ readonly type: ColumnType }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    leaf,
    fc
      .uniqueArray(fc.tuple(fc.constantFrom("a", "b", "c", "d"), tie("type")), {
        minLength: 1,
        maxLength: 3,
        selector: ([name]) => name,
      })
      .map((fields) => struct(...fields)),
    tie("type").map(arrayOf),
    tie("type").map(mapOf),
  ),
})).type;

function valuesFor(type: ColumnType): fc.Arbitrary<Value | null> {
  const own = (): fc.Arbitrary<Value> => {
    if (isNested(type)) {
      if (type.type === "struct") {
        return fc.record(Object.fromEntries(type.fields.map((field) => [field.name, valuesFor(field.type)])));
      }
      if (type.type === "array") return fc.array(valuesFor(type.elementType), { maxLength: 3 });
      const pair = fc.tuple(fc.string({ maxLength: 3 }), valuesFor(type.valueType));
      return fc.uniqueArray(pair, { maxLength: 3, selector: ([key]) => key }) as fc.Arbitrary<Value>;
    }
    if (type === "string") return fc.string({ maxLength: 4 });
    if (type === "integer") return fc.integer();
    return type === "double" ? fc.double({ noNaN: true }) : fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n });
  };
  return fc.option(own(), { nil: null });
}

/** What a table may have become since: fields renamed, moved, added and dropped, integers widened; all by `change`. */
function changed(type: ColumnType, change: (choices: number) => number): ColumnType {
  if (!isNested(type)) return type === "integer" && change(2) === 0 ? "long" : type;
  if (type.type === "array") return { ...type, elementType: changed(type.elementType, change) };
  if (type.type === "map") return { ...type, valueType: changed(type.valueType, change) };
  const kept = type.fields.filter((_, index) => index === 0 || change(4) > 0);
  const fields = kept.map((field): StructField => {
    const metadata = { "delta.columnMapping.physicalName": field.name };
    return { ...field, name: `${field.name}${change(3)}`, type: changed(field.type, change), metadata };
  });
  const added: StructField = { name: "new", type: "string", nullable: true, metadata: {} };
  const all = change(2) === 0 ? [...fields, added] : fields;
  return { ...type, fields: change(2) === 0 ? all.toReversed() : all };
}

/** The oracle: a value of the one type as one of the other. */
function as(value: Value | null, found: ColumnType, wanted: ColumnType): Value | null {
  if (value === null) return null;
  if (!isNested(found) || !isNested(wanted))
    return found === "integer" && wanted === "long" ? BigInt(Number(value)) : value;
  if (found.type === "array" && wanted.type === "array") {
    return (value as readonly Value[]).map((item) => as(item, found.elementType, wanted.elementType));
  }
  if (found.type === "map" && wanted.type === "map") {
    return (value as readonly (readonly [Value, Value])[]).map(([key, item]) => [
      key,
      as(item, found.valueType, wanted.valueType),
    ]);
  }
  if (found.type !== "struct" || wanted.type !== "struct") return value;
  return Object.fromEntries(
    wanted.fields.map((field) => {
      const physical = String(field.metadata["delta.columnMapping.physicalName"] ?? field.name);
      const own = found.fields.find(({ name }) => name === physical);
      const item = (value as Readonly<Record<string, Value | null>>)[physical] ?? null;
      return [field.name, own === undefined ? null : as(item, own.type, field.type)];
    }),
  );
}

describe("values of a file as those of a table", () => {
  it("are, whatever became of the columns, what a plain walk says; also in a view", () => {
    const cases = anyType.chain((found) =>
      fc.tuple(
        fc.constant(found),
        fc.array(valuesFor(found), { maxLength: 8 }),
        fc.infiniteStream(fc.nat(11)),
        fc.nat(3),
      ),
    );
    fc.assert(
      fc.property(cases, ([found, values, stream, from]) => {
        const wanted = changed(found, (choices) => Number(stream.next().value) % choices);
        expect(readsAs(found, wanted)).toBe(true);
        const whole = batchFrom({ x: [found, values] });
        const batch = whole.slice(Math.min(from, values.length));
        const data = batch.data.children[0];
        const read = data && fromFile(data, found, wanted);
        const column = read && columnOf(arrowField("x", wanted), read);
        const again = Array.from({ length: batch.numRows }, (_, row) => column?.get(row));
        expect(again).toEqual(values.slice(from).map((value) => as(value, found, wanted)));
      }),
      { numRuns: 300 },
    );
  });

  it("are not those of a type that they would not fit", () => {
    expect(readsAs(struct(["a", "string"]), struct(["a", "long"]))).toBe(false);
    expect(readsAs(arrayOf("long"), arrayOf("integer"))).toBe(false);
    expect(readsAs(arrayOf("long"), mapOf("long"))).toBe(false);
    expect(readsAs(struct(["a", "long"]), "long")).toBe(false);
    const required: ColumnType = {
      type: "struct",
      fields: [{ name: "b", type: "long", nullable: false, metadata: {} }],
    };
    expect(readsAs(struct(["a", "long"]), required)).toBe(false);
  });
});

const codecs: readonly (readonly [string, () => ParquetCodec])[] = [
  ["hyparquet", hyparquet],
  ["duckdb", duckdb],
];

describe.each(codecs)("a table whose nested fields another engine renamed (%s)", (_, create) => {
  const batch = (
    street: string,
    names: readonly [string, string],
    ...more: readonly string[]
  ): ReturnType<typeof batchFrom> => {
    const extra = more.map((name) => [name, "string"] as const);
    const type = struct([names[0], "string"], [names[1], "integer"], ...extra);
    const value = {
      [names[0]]: street,
      [names[1]]: 7,
      ...Object.fromEntries(more.map((name) => [name, `new ${street}`])),
    };
    return batchFrom({
      id: ["long", [BigInt(street.length)]],
      home: [type, [value]],
      past: [arrayOf(type), [[value, null]]],
      by: [mapOf(type), [[["k", value]]]],
    });
  };
  const entry = (version: number): string => `t/_delta_log/${String(version).padStart(20, "0")}.json`;

  /** Writes a version in which the schema is another: the fields are renamed, and one is added. */
  async function renamed(objects: ObjectStore, table: LakeTable): Promise<void> {
    await table.alter({ properties: { "delta.columnMapping.mode": "name" } });
    const { version } = await table.snapshot();
    const text = new TextDecoder().decode(await (await objects.get(entry(version))).bytes());
    const line = text.split("\n").find((one) => one.includes('"metaData"')) ?? "";
    const action = JSON.parse(line) as { metaData: { schemaString: string } };
    const schema = JSON.parse(action.metaData.schemaString) as { fields: Record<string, unknown>[] };
    let id = 100;
    const visit = (node: unknown): unknown => {
      if (Array.isArray(node)) return node.map(visit);
      if (typeof node !== "object" || node === null) return node;
      const record = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, visit(value)]));
      if (record["name"] === "street") record["name"] = "road";
      const fields = record["fields"];
      if (Array.isArray(fields) && fields.some((field: Record<string, unknown>) => field["name"] === "no")) {
        const metadata = { "delta.columnMapping.id": ++id, "delta.columnMapping.physicalName": `col-${id}` };
        fields.push({ name: "town", type: "string", nullable: true, metadata });
      }
      return record;
    };
    action.metaData.schemaString = JSON.stringify(visit(schema));
    await objects.put(entry(version + 1), new TextEncoder().encode(`${JSON.stringify(action)}\n`));
  }

  it("is read by their names, and written under those of the files", async () => {
    const objects = memoryObjectStore();
    await using codec = create();
    const table = await openLake({ objects, codec }).table("t");
    await table.append(batch("old", ["street", "no"]));
    await renamed(objects, table);
    const old = { road: "old", no: 7, town: null };
    const shown = (await rowsOf(table.scan())).map(({ home, past, by }) => [home, past, by]);
    expect(shown).toEqual([[old, [old, null], [["k", old]]]]);

    await table.append(batch("newer", ["road", "no"], "town"));
    await table.update({ where: { id: 5n }, set: { id: 6n } });
    const rows = (await rowsOf(table.scan())).sort((a, b) => Number(a["id"]) - Number(b["id"]));
    const young = { road: "newer", no: 7, town: "new newer" };
    expect(rows.map(({ home }) => home)).toEqual([old, young]);
    expect(rows[1]).toEqual({ id: 6n, home: young, past: [young, null], by: [["k", young]] });
    expect(await table.localFiles()).toBeUndefined();

    const { files } = await table.snapshot();
    const key = files.at(-1)?.key ?? "";
    await using file = await codec.open(await sourceOfObject(objects, key));
    const [, home] = file.schema.fields;
    const names = (home?.type.children ?? []).map((field: { readonly name: string }) => field.name);
    expect(names.slice(0, 2)).toEqual(["street", "no"]);
    expect(names[2]).toMatch(/^col-\d+$/);
    await table.optimize();
    expect((await rowsOf(table.scan())).length).toBe(2);
  });
});
