import { describe, expect, it } from "vitest";
import { readAhead } from "./read-ahead.ts";

describe("reading ahead", () => {
  const started: number[] = [];
  const ended: number[] = [];
  async function* read(item: number): AsyncGenerator<string> {
    started.push(item);
    try {
      if (item === 3) throw new Error("three");
      yield `${item}a`;
      yield `${item}b`;
    } finally {
      ended.push(item);
    }
  }

  it("keeps the order, opens what comes next, and ends what is left", async () => {
    const values: string[] = [];
    for await (const value of readAhead([0, 1, 2, 4, 5], 2, read)) {
      values.push(value);
      if (values.length === 3) break;
    }
    expect(started).toEqual([0, 1, 2, 4]);
    expect(values).toEqual(["0a", "0b", "1a"]);
    expect(ended.toSorted()).toEqual([0, 1, 2, 4]);
  });

  it("passes an error on in its turn", async () => {
    const values: string[] = [];
    const reading = (async () => {
      for await (const value of readAhead([1, 3], 1, read)) values.push(value);
    })();
    await expect(reading).rejects.toThrow("three");
    expect(values).toEqual(["1a", "1b"]);
  });
});
