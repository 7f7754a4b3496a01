import { memoryObjectStore } from "@ashlar/core/memory";
import type { ObjectStore } from "@ashlar/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { valuesOf } from "../../test/rows.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { rowsOf } from "../parquet/rows-of.ts";
import {
  batchFrom,
  between,
  jsonField,
  type Lake,
  type LakeTable,
  mean,
  notNull,
  openLake,
  rowCount,
  rows,
  type TableOptions,
  unique,
} from "./index.ts";

const batch = (...pairs: readonly (readonly [number, number | null])[]): ReturnType<typeof batchFrom> =>
  batchFrom({ id: ["long", pairs.map(([id]) => BigInt(id))], n: ["double", pairs.map(([, n]) => n)] });

interface Opened {
  readonly lake: Lake;
  readonly table: LakeTable;
  /** `id:n` of every row, ascending. */
  held(): Promise<string[]>;
  /** The same of the rows that were set aside, with their first reason. */
  aside(): Promise<string[]>;
}

async function open(options: TableOptions, objects: ObjectStore = memoryObjectStore()): Promise<Opened> {
  const lake = openLake({ objects, codec: hyparquet() });
  const table = await lake.table("t", options);
  const textsOf = async (of: LakeTable, ...names: readonly string[]): Promise<string[]> => {
    const texts: string[] = [];
    for await (const one of of.scan())
      for (const row of rowsOf(one)) texts.push(names.map((name) => String(row[name])).join(":"));
    return texts.sort();
  };
  return {
    lake,
    table,
    held: () => textsOf(table, "id", "n"),
    aside: async () => textsOf(await lake.table("t__quarantine"), "id", "n", "_reason"),
  };
}

const small = between("n", 0, 9);

describe("what a table expects", () => {
  it("fails an update and a merge whose rows would break it, and commits nothing", async () => {
    const { table, held } = await open({ expect: [small] });
    await table.append(batch([1, 1], [2, 2]));
    const failed = { code: "EXPECTATION_FAILED", details: { expectation: 'between("n", 0, 9)' } };
    await expect(table.update({ where: { id: 1n }, set: { n: 10 } })).rejects.toMatchObject(failed);
    await expect(table.update({ where: {}, set: { n: ({ n }) => Number(n) * 9 } })).rejects.toMatchObject(failed);
    await expect(table.merge(batch([2, 77]), { on: ["id"] })).rejects.toMatchObject(failed);
    await expect(table.merge(batch([3, 77]), { on: ["id"] })).rejects.toMatchObject(failed);
    const set = { whenMatched: { set: { n: 12 } } };
    await expect(table.merge(batch([1, 1]), { on: ["id"], ...set })).rejects.toMatchObject(failed);
    await expect(table.overwrite(batch([1, 40]), { where: { id: 1n } })).rejects.toMatchObject(failed);
    expect((await table.snapshot()).version).toBe(0);
    expect(await held()).toEqual(["1:1", "2:2"]);
    expect(await table.update({ where: { id: 1n }, set: { n: 9 } })).toMatchObject({ updated: 1, quarantined: 0 });
    expect(await table.delete({ where: { n: 9 } })).toMatchObject({ deleted: 1 });
  });

  it("passes over all rows together in an update, and says so; one that is asked for there is refused", async () => {
    const { table, held } = await open({ expect: [rowCount({ min: 2 }), mean("n", { max: 5 }), small] });
    await table.append(batch([1, 1], [2, 2]));
    await table.update({ where: { id: 1n }, set: { n: 9 } });
    expect(await held()).toEqual(["1:9", "2:2"]);
    const [{ results } = { results: [] }] = await table.expectationHistory();
    expect(results.map(({ kind, outcome, checked }) => [kind, outcome, checked])).toEqual([
      ["between", "passed", 1],
      ["rowCount", "skipped", 0],
      ["mean", "skipped", 0],
    ]);
    const asked = table.update({ where: {}, set: { n: 3 }, expect: [rowCount({ min: 1 })] });
    await expect(asked).rejects.toMatchObject({
      code: "EXPECTATION_INVALID",
      details: {
        expectation: "rowCount({ min: 1 })",
        remedy: expect.stringMatching(/append, overwrite or merge/) as unknown,
      },
    });
    const own = rows("even", ({ n }) => Number(n) % 2 === 0, { columns: ["n"] });
    await expect(table.update({ where: { id: 1n }, set: { n: 3 }, expect: [own] })).rejects.toMatchObject({
      code: "EXPECTATION_FAILED",
    });
    await expect(table.alter({ expect: [own] })).rejects.toMatchObject({
      code: "ALTER_INVALID",
      message: expect.stringMatching(/rows\("even"\) has code of its own/) as unknown,
    });
  });

  it("sets aside what rows were to become, and leaves them as they were", async () => {
    const { table, held, aside } = await open({ expect: [small], onViolation: "quarantine" });
    await table.append(batch([1, 1], [2, 2], [3, 3]));
    await table.alter({ properties: { "delta.enableChangeDataFeed": true } });
    const update = { where: { id: { gte: 2n } }, set: { n: ({ n }: { readonly n?: unknown }) => Number(n) * 4 } };
    const updated = await table.update({ ...update, run: "u" });
    expect(updated).toMatchObject({ updated: 1, quarantined: 1, copied: 2 });
    expect(await held()).toEqual(["1:1", "2:8", "3:3"]);
    const merged = await table.merge(batch([1, 11], [2, 5], [4, 44], [5, 5]), { on: ["id"], run: "m" });
    expect(merged).toMatchObject({ inserted: 1, updated: 1, quarantined: 2 });
    expect(await held()).toEqual(["1:1", "2:5", "3:3", "5:5"]);
    expect(await aside()).toEqual([3, 1, 4].map((id, i) => `${id}:${[12, 11, 44][i]}:between("n", 0, 9)`).sort());
    const history = await table.expectationHistory();
    expect(history.map(({ run, results: [result] }) => [run, result?.outcome, result?.violations])).toEqual([
      ["m", "quarantined", 2],
      ["u", "quarantined", 1],
      [expect.any(String), "passed", 0],
    ]);
    const changed: string[] = [];
    for await (const each of table.changes({ from: updated.version })) {
      for (const row of rowsOf(each))
        changed.push(`${String(row["_change_type"])} ${String(row["id"])}:${String(row["n"])}`);
    }
    expect(changed.sort()).toEqual(
      [
        "insert 5:5",
        "update_postimage 2:5",
        "update_postimage 2:8",
        "update_preimage 2:2",
        "update_preimage 2:8",
      ].sort(),
    );
  });

  it("merely warns where that is what was asked for", async () => {
    const { table, held } = await open({ expect: [small], onViolation: "warn" });
    await table.append(batch([1, 1]));
    await table.update({ where: {}, set: { n: 50 } });
    await table.merge(batch([2, 60]), { on: ["id"] });
    expect(await held()).toEqual(["1:50", "2:60"]);
    const outcomes = (await table.expectationHistory()).map(({ results }) => results.map(({ outcome }) => outcome));
    expect(outcomes).toEqual([["warned"], ["warned"], ["passed"]]);
    const strict = { expect: [between("n", 0, 9, { severity: "fail" })] };
    await expect(table.update({ where: {}, set: { n: 51 }, ...strict })).rejects.toMatchObject({
      code: "EXPECTATION_FAILED",
    });
  });

  it("asks of rows together only where rows are brought", async () => {
    const { table } = await open({ expect: [rowCount({ min: 2 }), mean("n", { max: 5 })] });
    await table.append(batch([1, 1], [2, 2]));
    expect(await table.update({ where: { id: 1n }, set: { n: 100 } })).toMatchObject({ updated: 1 });
    const failed = { code: "TABLE_EXPECTATION_FAILED" };
    await expect(table.merge(batch([2, 2]), { on: ["id"] })).rejects.toMatchObject(failed);
    await expect(table.merge(batch([2, 9], [3, 9]), { on: ["id"] })).rejects.toMatchObject(failed);
    expect(await table.merge(batch([2, 4], [3, 6]), { on: ["id"] })).toMatchObject({ updated: 1, inserted: 1 });
  });

  it("knows which rows stay where others are replaced", async () => {
    const once = unique(["id"], { within: "table" });
    const { table, held } = await open({ expect: [once] });
    await table.append(batch([1, 1], [2, 2], [3, 3]));
    await table.update({ where: {}, set: { n: 0 } });
    await table.update({ where: {}, set: { id: ({ id }) => BigInt(String(id)) + 1n } });
    await table.merge(batch([2, 22], [5, 5]), { on: ["id"] });
    await table.overwrite(batch([3, 33]), { where: { id: 3n } });
    expect(await held()).toEqual(["2:22", "3:33", "4:0", "5:5"]);
    const failed = { code: "EXPECTATION_FAILED" };
    await expect(table.update({ where: { id: 2n }, set: { id: 3n } })).rejects.toMatchObject(failed);
    await expect(table.merge(batch([3, 1]), { on: ["id"], whenMatched: { set: { id: 4n } } })).rejects.toMatchObject(
      failed,
    );
    await table.overwrite(batch([2, 1], [3, 1]));
    // The row with the id 2 is not changed, as it would get too large a number: 3 may not become 2 then.
    const moved = { where: {}, set: { id: 2n, n: ({ id }: { readonly id?: unknown }) => (id === 2n ? 99 : 1) } };
    const aside = { expect: [small], onViolation: "quarantine" } as const;
    await expect(table.update({ ...moved, ...aside })).rejects.toMatchObject(failed);
    expect(await held()).toEqual(["2:1", "3:1"]);
  });

  it("says that it cannot know which rows stay where partitions are found out by the rows", async () => {
    const lake = openLake({ objects: memoryObjectStore(), codec: hyparquet() });
    const expectations = { expect: [unique(["n"], { within: "table" })] };
    const table = await lake.table("p", { partitionBy: ["id"], ...expectations });
    await table.append(batch([1, 1], [2, 2]));
    await expect(table.overwrite(batch([1, 1]), { partitions: "touched" })).rejects.toMatchObject({
      code: "EXPECTATION_INVALID",
    });
    const table2 = await lake.table("p");
    await table2.alter({ expect: [unique(["id", "n"], { within: "table" })] });
    expect(await table2.overwrite(batch([1, 1], [3, 1]), { partitions: "touched" })).toMatchObject({
      rows: 2,
      deleted: 1,
    });
  });

  it("holds JSON columns in row operations too", async () => {
    const lake = openLake({ objects: memoryObjectStore(), codec: hyparquet() });
    const table = await lake.table("j", { onViolation: "quarantine" });
    await table.append(batch([1, 1], [2, 2]));
    await table.alter({ add: [jsonField("meta")] });
    const set = { meta: ({ id }: { readonly id?: unknown }) => (id === 1n ? "{}" : "{") };
    expect(await table.update({ where: {}, set })).toMatchObject({ updated: 1, quarantined: 1 });
    expect((await valuesOf(table.scan(), "meta")).sort()).toEqual([null, "{}"].sort());
    const source = batchFrom({ id: ["long", [2n, 3n]], meta: ["string", ["[", "[]"]] });
    expect(await table.merge(source, { on: ["id"] })).toMatchObject({ inserted: 1, updated: 0, quarantined: 1 });
  });
});

describe("expectations beside the table", () => {
  it("are held by every table object, also of another process's lake, and by each once", async () => {
    const objects = memoryObjectStore();
    const { table } = await open({ expect: [small, rows("odd", () => true)], onViolation: "quarantine" }, objects);
    await table.append(batch([1, 1]));
    const other = await open({}, objects);
    expect(await other.table.append(batch([2, 20], [3, 3]))).toMatchObject({ rows: 1, quarantined: 1 });
    expect(await other.table.update({ where: { id: 1n }, set: { n: -1 } })).toMatchObject({ quarantined: 1 });
    const [last] = await other.table.expectationHistory();
    expect(last?.results.map(({ name }) => name)).toEqual(['between("n", 0, 9)']);
    const strict = await open({ expect: [small], onViolation: "fail" }, objects);
    await expect(strict.table.append(batch([2, 20]))).rejects.toMatchObject({ code: "EXPECTATION_FAILED" });
    const [twice] = await table.expectationHistory();
    expect(twice?.results.length).toBe(1);
  });

  it("are declared anew by alter, follow a renamed column, and keep theirs from being dropped", async () => {
    const { table } = await open({});
    await table.append(batch([1, 100]));
    await table.alter({ expect: [small, notNull("n", { severity: "quarantine" })], onViolation: "warn" });
    expect(await table.append(batch([2, 50], [3, null]))).toMatchObject({ rows: 1, quarantined: 1 });
    await table.alter({ rename: { from: "n", to: "m" } });
    const renamed = batchFrom({ id: ["long", [4n]], m: ["double", [5]] });
    await table.append(renamed);
    const [last] = await table.expectationHistory();
    expect(last?.results.map(({ name }) => name)).toEqual(['between("m", 0, 9)', 'notNull("m")']);
    const invalid = { code: "ALTER_INVALID" };
    await expect(table.alter({ drop: "m" })).rejects.toMatchObject({
      ...invalid,
      message: expect.stringContaining('between("m", 0, 9)') as string,
    });
    await expect(table.alter({ expect: [rows("odd", () => true)] })).rejects.toMatchObject(invalid);
    await expect(table.alter({ expect: [notNull("gone")] })).rejects.toMatchObject(invalid);
    await expect(table.alter({ onViolation: "warn" })).rejects.toMatchObject(invalid);
    await expect(table.alter({ properties: { "ashlar.expectations": "{}" } })).rejects.toMatchObject(invalid);
    await table.alter({ expect: [] });
    await table.alter({ drop: "m" });
    await table.append(batchFrom({ id: ["long", [5n]] }));
    expect((await table.expectationHistory())[0]?.version).toBe(last?.version);
  });

  it("that are damaged or not known here stop writers by name, and no reader", async () => {
    const objects = memoryObjectStore();
    const { table, held } = await open({}, objects);
    await table.append(batch([1, 1]));
    const entry = (version: number): string => `t/_delta_log/${String(version).padStart(20, "0")}.json`;
    const text = new TextDecoder().decode(await (await objects.get(entry(0))).bytes());
    const metaData = text.split("\n").find((line) => line.includes('"metaData"')) ?? "";
    const later = '{"expect":[{"kind":"soundsLike","args":["n"]}]}';
    for (const [index, kept] of [later, "{"].entries()) {
      const configured = metaData.replace(
        '"configuration":{}',
        `"configuration":{"ashlar.expectations":${JSON.stringify(kept)}}`,
      );
      await objects.put(entry(index + 1), new TextEncoder().encode(`${configured}\n`));
      const refused = { code: "EXPECTATION_INVALID" };
      await expect(table.append(batch([2, 2]))).rejects.toMatchObject(refused);
      await expect(table.update({ where: {}, set: { n: 1 } })).rejects.toMatchObject(refused);
      await expect(table.merge(batch([2, 2]), { on: ["id"] })).rejects.toMatchObject(refused);
      expect(await held()).toEqual(["1:1"]);
    }
    await table.alter({ expect: [] });
    expect(await table.append(batch([2, 2]))).toMatchObject({ rows: 1 });
  });

  it("make an append that did not know of them lose, and a row operation plan again", async () => {
    const { table } = await open({});
    await table.append(batch([1, 1]));
    async function* slow(): AsyncGenerator<ReturnType<typeof batch>> {
      yield batch([2, 20]);
      await table.alter({ expect: [small] });
    }
    await expect(table.append(slow())).rejects.toMatchObject({ code: "COMMIT_CONFLICT", retryable: true });
  });

  it("are held by a row operation that they overtake, which is planned again", async () => {
    const objects = memoryObjectStore();
    const { table, held } = await open({}, objects);
    await table.append(batch([1, 1]));
    const racing = await open(
      {},
      beforeCommit(objects, () => table.alter({ expect: [small] })),
    );
    const update = racing.table.update({ where: {}, set: { n: 30 } });
    await expect(update).rejects.toMatchObject({ code: "EXPECTATION_FAILED" });
    expect(await held()).toEqual(["1:1"]);
  });
});

/** A store in which something happens before the first entry of the log is put. */
function beforeCommit(objects: ObjectStore, act: () => Promise<unknown>): ObjectStore {
  let first = true;
  return {
    ...objects,
    async put(key, body, options) {
      if (first && key.startsWith("t/_delta_log/")) {
        first = false;
        await act();
      }
      return objects.put(key, body, options);
    },
  };
}

describe("rows set aside by an operation that is planned again", () => {
  it("are in the quarantine once", async () => {
    const objects = memoryObjectStore();
    const { table, aside, held } = await open({ expect: [small], onViolation: "quarantine" }, objects);
    await table.append(batch([1, 1], [2, 2]));
    const racing = beforeCommit(objects, () => table.delete({ where: { id: 2n } }));
    const slow = await open({}, racing);
    const result = await slow.table.update({ where: {}, set: { n: 50 } });
    expect(result).toMatchObject({ updated: 0, quarantined: 1 });
    expect(await held()).toEqual(["1:1"]);
    expect(await aside()).toEqual(['1:50:between("n", 0, 9)']);
  });
});

describe("rows set aside by an operation", () => {
  it("are not in the quarantine when it is planned again without them", async () => {
    const objects = memoryObjectStore();
    const { table, aside, held } = await open({ expect: [small], onViolation: "quarantine" }, objects);
    await table.append(batch([1, 1], [2, 8]));
    const racing = await open(
      {},
      beforeCommit(objects, () => table.delete({ where: { id: 2n } })),
    );
    const add = { n: ({ n }: { readonly n?: unknown }) => Number(n) + 5 };
    expect(await racing.table.update({ where: {}, set: add })).toMatchObject({ updated: 1, quarantined: 0 });
    expect(await held()).toEqual(["1:6"]);
    expect(await aside()).toEqual([]);
  });

  it("are there once when it is tried again with its transaction, whatever became of the first try", async () => {
    const objects = memoryObjectStore();
    const { table, aside, held } = await open({ expect: [small], onViolation: "quarantine" }, objects);
    await table.append(batch([1, 1], [2, 2]));
    const broken = beforeCommit(objects, () => Promise.reject(new Error("the machine went down")));
    const write = { transaction: { appId: "job", version: 1 }, on: ["id"] } as const;
    const source = batch([2, 50], [3, 60], [4, 4]);
    const failing = (await open({}, broken)).table.merge(source, write);
    await expect(failing).rejects.toThrow("the machine went down");
    expect(await held()).toEqual(["1:1", "2:2"]);
    for (let attempt = 0; attempt < 2; attempt++) {
      const merged = await (await open({}, objects)).table.merge(source, write);
      expect(merged).toMatchObject({ version: 1, inserted: 1, updated: 0, quarantined: 2 });
    }
    expect(await held()).toEqual(["1:1", "2:2", "4:4"]);
    expect(await aside()).toEqual(['2:50:between("n", 0, 9)', '3:60:between("n", 0, 9)']);
  });
});

describe("an update under expectations", () => {
  it("is, row by row, what a plain loop says", async () => {
    const pairs = fc.uniqueArray(fc.tuple(fc.nat(30), fc.integer({ min: -5, max: 15 })), {
      minLength: 1,
      maxLength: 20,
      selector: ([id]) => id,
    });
    await fc.assert(
      fc.asyncProperty(pairs, fc.nat(30), fc.integer({ min: -9, max: 9 }), async (given, from, step) => {
        const { table, held } = await open({});
        await table.append(batch(...given));
        await table.alter({ expect: [small], onViolation: "quarantine" });
        const set = { n: ({ n }: { readonly n?: unknown }) => Number(n) + step };
        await table.update({ where: { id: { gte: BigInt(from) } }, set });
        const expected = given.map(([id, n]) => {
          const next = n + step;
          return `${id}:${id >= from && next >= 0 && next <= 9 ? next : n}`;
        });
        expect(await held()).toEqual(expected.sort());
      }),
      { numRuns: 40 },
    );
  });
});
