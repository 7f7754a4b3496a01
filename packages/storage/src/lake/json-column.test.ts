import { memoryObjectStore } from "@ashlar/core/memory";
import { Field, Int64, Schema } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { valuesOf } from "../../test/rows.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import type { Predicate } from "../parquet/predicate.ts";
import { batchFrom, jsonField, jsonValues, type LakeTable, openLake } from "./index.ts";

const schema = new Schema([new Field("n", new Int64(), true), jsonField("meta")]);
const batch = (texts: readonly (string | null)[]): ReturnType<typeof batchFrom> =>
  batchFrom({ n: ["long", texts.map((_, i) => BigInt(i))], meta: ["string", texts] });

async function filled(...texts: readonly (string | null)[]): Promise<LakeTable> {
  const table = await openLake({ objects: memoryObjectStore(), codec: hyparquet() }).table("t", { schema });
  await table.append(batch(texts));
  return table;
}

const found = async (texts: readonly (string | null)[], meta: Predicate[string]): Promise<unknown[]> =>
  valuesOf((await filled(...texts)).scan({ where: { meta } }), "n");

describe("a JSON column", () => {
  it("is a string column that Arrow knows as JSON, and stays one", async () => {
    const table = await filled('{"a":1}');
    const [, field] = (await table.snapshot()).schema.fields;
    expect(field?.metadata.get("ARROW:extension:name")).toBe("arrow.json");
    await table.optimize();
    await table.alter({ rename: { from: "meta", to: "info" } });
    expect((await table.snapshot()).schema.fields[1]?.metadata.get("ARROW:extension:name")).toBe("arrow.json");
  });

  it("refuses what is not JSON, whatever brings it", async () => {
    const table = await filled('{"a":1}', null);
    await expect(table.append(batch(["{}", "{a:1}"]))).rejects.toMatchObject({
      code: "EXPECTATION_FAILED",
      message: expect.stringContaining('isJson("meta")') as string,
    });
    const warned = table.append(batch([""]), { onViolation: "warn" });
    await expect(warned).rejects.toMatchObject({ code: "EXPECTATION_FAILED" });
    const update = table.update({ set: { meta: "{" }, where: {} });
    await expect(update).rejects.toMatchObject({
      code: "UPDATE_INVALID",
      message: expect.stringMatching(/JSON/) as string,
    });
    const computed = table.update({ set: { meta: () => "tru" }, where: {} });
    await expect(computed).rejects.toMatchObject({ code: "UPDATE_INVALID" });
    await expect(table.merge(batch(["nope"]), { on: ["n"] })).rejects.toMatchObject({ code: "UPDATE_INVALID" });
    expect((await table.snapshot()).version).toBe(0);
    expect(await table.append(batch(["[]", "nope"]), { onViolation: "quarantine" })).toMatchObject({ quarantined: 1 });
  });

  it("gives its values parsed, and no whole number rounded", async () => {
    const table = await filled('{"id":9007199254740993,"x":[1.5,"ä"]}', null, "null", "-12345678901234567890", "1e400");
    const values: unknown[] = [];
    for await (const each of table.scan()) values.push(...jsonValues(each, "meta"));
    expect(values).toEqual([
      { id: 9007199254740993n, x: [1.5, "ä"] },
      null,
      null,
      -12345678901234567890n,
      Number.POSITIVE_INFINITY,
    ]);
    const [any] = [batch(["1"])];
    expect(() => [...jsonValues(any, "none")]).toThrow(expect.objectContaining({ code: "COLUMN_UNKNOWN" }));
  });
});

describe("a condition at a place in JSON", () => {
  const texts = [
    '{"user":{"age":17,"tags":["a"]}}',
    '{"user":{"age":40},"a/b":"x"}',
    '{"user":{"age":"40"}}',
    null,
    "[40]",
  ];

  it.each([
    [{ "/user/age": { gte: 18 } }, [1n]],
    [{ "/user/age": "40" }, [2n]],
    [{ "/user/tags/0": { in: ["a", "b"] } }, [0n]],
    [{ "/a~1b": "x", "/user/age": { lt: 41 } }, [1n]],
    [{ "/user/age": { null: true } }, [4n]],
    [{ "/user/age": { null: false } }, [0n, 1n, 2n]],
    [{ "/0": 40 }, [4n]],
    [{ "/user/length": { null: false } }, []],
    [{ "/user/__proto__": { null: false } }, []],
  ])("a pointer selects its rows %#", async (at, rows) => {
    expect(await found(texts, { at })).toEqual(rows);
  });

  it("goes with other conditions on the text, and with the engine that narrows by them", async () => {
    expect(await found(['{"a":1}', '{"a":2}'], { at: { "/a": { gte: 1 } }, gt: '{"a":1}' })).toEqual([1n]);
  });

  it("tells whole numbers beyond 2^53 apart", async () => {
    const big = ["9007199254740992", "9007199254740993"].map((n) => `{"id":${n}}`);
    expect(await found(big, { at: { "/id": 9007199254740993n } })).toEqual([1n]);
  });

  it("deletes by it, and says so in the history", async () => {
    const table = await filled('{"gone":true}', '{"gone":false}');
    expect(await table.delete({ where: { meta: { at: { "/gone": true } } } })).toMatchObject({ deleted: 1 });
    expect(JSON.stringify((await table.history())[0]?.info)).toContain("/gone");
  });

  it("is refused for a column of another type, and for what is no pointer", async () => {
    const table = await filled("{}");
    const scan = async (where: Predicate): Promise<unknown> => valuesOf(table.scan({ where }), "n");
    await expect(scan({ n: { at: { "/a": 1 } } })).rejects.toMatchObject({ code: "PREDICATE_INVALID" });
    await expect(scan({ meta: { at: { a: 1 } } })).rejects.toMatchObject({ code: "PREDICATE_INVALID" });
    await expect(scan({ meta: { at: { "/~2": 1 } } })).rejects.toMatchObject({ code: "PREDICATE_INVALID" });
  });

  it("finds every value by its own pointer, and nothing by another's", async () => {
    const property = fc.asyncProperty(fc.jsonValue({ maxDepth: 3 }), async (value) => {
      const leaves: [string, string | number | boolean][] = [];
      const walk = (at: unknown, pointer: string): void => {
        if (typeof at === "object" && at !== null) {
          for (const [name, inner] of Object.entries(at)) {
            walk(inner, `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`);
          }
        } else if (at !== null) leaves.push([pointer, at as string]);
      };
      walk(value, "");
      if (leaves.length === 0) return;
      expect(await found([JSON.stringify(value)], { at: Object.fromEntries(leaves) })).toEqual([0n]);
      const [pointer] = leaves[0] as [string, unknown];
      expect(await found([JSON.stringify(value)], { at: { [`${pointer}/none`]: { null: false } } })).toEqual([]);
    });
    await fc.assert(property, { numRuns: 60 });
  });
});
