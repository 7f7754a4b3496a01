import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sampleRows } from "../../test/sample-rows.ts";
import { binDataset, quantileEdges } from "./binned-dataset.ts";
import { trainBoostedTrees } from "./boosted-trees.ts";
import { readDataset } from "./dataset.ts";
import { trainMlp } from "./mlp.ts";
import { type PlainTable, type RecordBatchLike, valueReader } from "./table.ts";

/** Batches as Arrow gives them: nulls only through `get`. */
function batchesOf(table: PlainTable, size: number): RecordBatchLike[] {
  const names = Object.keys(table.columns);
  const rows = table.columns[names[0]!]!.length;
  return Array.from({ length: Math.ceil(rows / size) }, (_, b) => {
    const numRows = Math.min(size, rows - b * size);
    const getChild = (name: string) => {
      const column = table.columns[name];
      if (column === undefined) return null;
      const read = valueReader(column);
      return { length: numRows, nullCount: 1, get: (i: number): unknown => read(b * size + i) };
    };
    return { numRows, schema: { fields: names.map((name) => ({ name })) }, getChild };
  });
}

describe("data sets", () => {
  it("are the same from columns, batches, a generator and a function", async () => {
    const table = sampleRows(1000);
    const batches = batchesOf(table, 300);
    async function* once(): AsyncGenerator<RecordBatchLike> {
      yield* batches;
    }
    const expected = await readDataset(table, { label: "late" });
    const binned = await binDataset(table, { label: "late", sampleRows: 100 });
    for (const source of [batches, once(), () => batches, () => once(), async () => batches]) {
      expect(await readDataset(source, { label: "late" })).toEqual(expected);
    }
    for (const source of [batches, once(), () => once(), expected]) {
      expect(await binDataset(source, { label: "late", sampleRows: 100 })).toEqual(binned);
    }
  });

  it("read booleans, bigints and nulls", async () => {
    const columns = { x: [1n, null, 3n], y: [true, false, undefined], late: [true, false, true] };
    const data = await readDataset({ columns }, { label: "late" });
    expect(Array.from(data.values)).toEqual([1, Number.NaN, 3, 1, 0, Number.NaN]);
    expect(Array.from(data.labels)).toEqual([1, 0, 1]);
  });

  it.each([
    ["no rows", { x: [], late: [] }, "DATASET_INVALID"],
    ["no features", { late: [0, 1] }, "DATASET_INVALID"],
    ["columns of other lengths", { x: [1], late: [0, 1] }, "DATASET_INVALID"],
    ["an infinity", { x: [1, Infinity], late: [0, 1] }, "DATASET_INVALID"],
    ["a number beyond float32", { x: [1, 1e39], late: [0, 1] }, "DATASET_INVALID"],
    ["no label", { x: [1, 2] }, "LABEL_INVALID"],
    ["a label that is 2", { x: [1, 2], late: [0, 2] }, "LABEL_INVALID"],
    ["a missing label", { x: [1, 2], late: [0, Number.NaN] }, "LABEL_INVALID"],
    ["one class only", { x: [1, 2], late: [1, 1] }, "LABEL_INVALID"],
  ])("refuse %s", async (_, columns, code) => {
    await expect(readDataset({ columns }, { label: "late" })).rejects.toMatchObject({ code });
    await expect(binDataset({ columns }, { label: "late" })).rejects.toMatchObject({ code });
  });

  it("are not read from what is no table, such as rows or bare columns", async () => {
    for (const json of ['[{ "x": 1, "late": 0 }]', '{ "x": [1, 2], "late": [0, 1] }', "7", "null", "[[1, 0]]"]) {
      const source = JSON.parse(json) as PlainTable;
      const error = { code: "DATASET_INVALID", message: expect.stringContaining("{ columns: { name: values } }") };
      await expect(readDataset(source, { label: "late" })).rejects.toMatchObject(error);
      await expect(trainMlp({ data: source, label: "late" })).rejects.toMatchObject(error);
      await expect(trainBoostedTrees({ data: source, label: "late" })).rejects.toMatchObject(error);
    }
  });

  it("are given up when aborted, even while a source does not answer", async () => {
    const [batch] = batchesOf(sampleRows(5), 5);
    let closed = 0;
    async function* stuck(): AsyncGenerator<RecordBatchLike> {
      yield batch!;
      await new Promise(() => {});
    }
    async function* closing(): AsyncGenerator<RecordBatchLike> {
      try {
        for (;;) yield batch!;
      } finally {
        closed += 1;
      }
    }
    for (const source of [stuck(), stuck]) {
      const reading = binDataset(source, { label: "late", signal: AbortSignal.timeout(20) });
      await expect(reading).rejects.toMatchObject({ name: "TimeoutError" });
    }
    // A source that has more than is wanted is closed.
    const lacking = binDataset(closing, { label: "late", features: ["z"] });
    await expect(lacking).rejects.toThrow(/no column "z"/);
    expect(closed).toBe(1);
  });

  it("refuse texts, features that are not there, and sources that change", async () => {
    const text: RecordBatchLike = {
      numRows: 1,
      schema: { fields: [{ name: "x" }, { name: "late" }] },
      getChild: () => ({ length: 1, get: () => "JFK" }),
    };
    await expect(readDataset([text], { label: "late" })).rejects.toThrow(/string in row 0/);
    const table = sampleRows(10);
    await expect(readDataset(table, { label: "late", features: ["z"] })).rejects.toThrow(/no column "z"/);
    await expect(readDataset(table, { label: "late", features: ["late"] })).rejects.toThrow(/among the features/);
    let pass = 0;
    const shrinking = (): RecordBatchLike[] => batchesOf(sampleRows(pass++ === 0 ? 20 : 10), 5);
    await expect(binDataset(shrinking, { label: "late" })).rejects.toThrow(/second pass/);
  });
});

describe("quantile edges", () => {
  const float = fc.float({ noNaN: true, noDefaultInfinity: true });

  it("part neighbours in float32 so that each value lies on the side of its bin", () => {
    fc.assert(
      fc.property(fc.array(float, { minLength: 1, maxLength: 60 }), fc.integer({ min: 2, max: 20 }), (values, bins) => {
        const edges = quantileEdges(Float32Array.from(values), bins);
        expect(edges.length).toBeLessThan(bins);
        const sorted = values.toSorted((a, b) => a - b);
        edges.forEach((edge, e) => {
          expect(Math.fround(edge)).toBe(edge);
          expect(edge).toBeGreaterThan(edges[e - 1] ?? -Infinity);
          expect(sorted[0]! <= edge && edge < sorted.at(-1)!).toBe(true);
        });
        const distinct = new Set(values.map((value) => value + 0)).size;
        expect(edges.length >= Math.min(distinct, 2) - 1 && edges.length < distinct).toBe(true);
        expect(distinct > bins || edges.length === distinct - 1).toBe(true);
      }),
    );
  });
});
