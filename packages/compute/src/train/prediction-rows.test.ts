import { tableFromArrays, vectorFromArray } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { readDataset } from "./dataset.ts";
import { eachBlock, type PredictionRows } from "./prediction-rows.ts";
import type { PlainTable } from "./table.ts";

const features = ["a", "b"];

function rowsOf(input: PredictionRows): number[] {
  const values: number[] = [];
  eachBlock(input, features, (block) => values.push(...block));
  return values;
}

describe("rows to predict", () => {
  it("are read as rows to train on are", async () => {
    const columns: PlainTable["columns"] = {
      a: [1n, null, 3, undefined],
      b: [true, false, Number.NaN, 0.1],
      late: [0, 1, 0, 1],
    };
    const { values } = await readDataset({ columns }, { label: "late" });
    const expected = [0, 1, 2, 3].flatMap((row) => [values[row]!, values[4 + row]!]);
    expect(rowsOf({ columns })).toEqual(expected);
    expect(expected.slice(0, 4)).toEqual([1, 1, Number.NaN, 0]);
  });

  it("may be vectors of Arrow, which have no values by index", async () => {
    const a = vectorFromArray([1.5, null, 3]);
    const b = tableFromArrays({ b: Float64Array.of(4, 5, 6) }).getChild("b")!;
    const columns = { a, b };
    expect(rowsOf({ columns })).toEqual([1.5, 4, Number.NaN, 5, 3, 6]);
    const { values } = await readDataset({ columns: { ...columns, late: [0, 1, 1] } }, { label: "late" });
    expect(Array.from(values)).toEqual([1.5, Number.NaN, 3, 4, 5, 6]);
  });

  it("are refused in another form, such as a list or bare columns", () => {
    for (const json of [
      "[1, 2]",
      "[[1, 2]]",
      '{ "a": [1], "b": [2] }',
      '{ "kind": "binned", "rows": 1 }',
      "7",
      "null",
    ]) {
      const error = expect.objectContaining({ code: "PREDICTION_INPUT_INVALID" });
      expect(() => rowsOf(JSON.parse(json) as PredictionRows)).toThrow(error);
    }
  });

  it("are refused, by column and row, when they hold no numbers", () => {
    const texts = { columns: { a: [1, 2], b: { length: 2, get: (i: number) => (i === 0 ? 1 : "2") } } };
    const message = /the column "b" holds a string in row 1, not a number\. Give 2 values per row/;
    expect(() => rowsOf(texts)).toThrow(message);
    expect(() => rowsOf({ columns: { a: [1] } })).toThrow(/no column "b"\. Give 2 values per row/);
  });
});
