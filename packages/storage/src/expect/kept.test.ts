import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Expectation, show } from "./expectation.ts";
import * as builders from "./index.ts";
import { canBeKept, keptFrom, keptText, withColumns } from "./kept.ts";

const all: readonly Expectation[] = [
  builders.notNull("a"),
  builders.between("a", -5n, 9007199254740993n, { severity: "quarantine" }),
  builders.between("b", -0, Infinity),
  builders.oneOf("c", ["x", "", "ü"], { severity: "warn" }),
  builders.matches("c", /^a\/"b$/giu),
  builders.isJson("c"),
  builders.hasLength("c", { max: 3 }),
  builders.unique(["a", "c"], { within: "table" }),
  builders.unique(["a"]),
  builders.rowCount({ min: 1 }),
  builders.nullShare("a", { max: 0.5 }, { severity: "warn" }),
  builders.freshWithin("t", "2d"),
  builders.mean("b", { min: -1, max: 1 }),
  builders.stddev("b", { max: 2 }),
  builders.quantile("b", 0.5, { min: 0 }),
  builders.distribution("b", { maxPsi: 0.2, bins: 5 }),
];

const facts = (expectation: Expectation): unknown => ({
  name: expectation.name,
  kind: expectation.kind,
  severity: expectation.severity,
  level: expectation.level,
  columns: "columns" in expectation ? expectation.columns : expectation.column,
});

describe("expectations that a table keeps", () => {
  it("are, made again from their text, what they were, of every kind that there is", () => {
    const kept = keptFrom(keptText({ expect: all, onViolation: "quarantine" }));
    expect(kept.onViolation).toBe("quarantine");
    expect(kept.expect.map(facts)).toEqual(all.map(facts));
    const kinds = new Set(all.map(({ kind }) => kind));
    expect(Object.keys(builders).filter((name) => name !== "rows" && !kinds.has(name))).toEqual([]);
    expect(all.every(canBeKept)).toBe(true);
    expect(canBeKept(builders.rows("positive", () => true))).toBe(false);
    expect(canBeKept({ name: "own", column: "a", test: () => () => true })).toBe(false);
  });

  it("follow their columns to other names", () => {
    const names = all.map((one) => withColumns(one, (column) => (column === "a" ? "z" : column)).name);
    expect(names.slice(0, 2)).toEqual(['notNull("z")', 'between("z", -5, 9007199254740993)']);
    expect(names[7]).toBe('unique(["z", "c"], { within: "table" })');
    expect(names[9]).toBe("rowCount({ min: 1 })");
  });

  it.each([
    ["{", "not JSON"],
    ["[]", "no list"],
    ['{"expect":[{"kind":"soundsLike","args":["a"]}]}', "does not know its kind"],
    ['{"expect":[{"kind":"toString","args":["a"]}]}', "does not know its kind"],
    ['{"expect":[{"kind":"notNull"}]}', "do not begin with the columns"],
    ['{"expect":[{"kind":"unique","args":["a"]}]}', "do not begin with the columns"],
    ['{"expect":[{"kind":"matches","args":["a",{"$regexp":["(",""]}]}]}', "cannot be made"],
    ['{"expect":[{"kind":"matches","args":["a"]}]}', "cannot be made"],
    ['{"expect":[{"kind":"oneOf","args":["a",5]}]}', "cannot be made"],
    ['{"expect":[{"kind":"notNull","args":["a"],"severity":"shout"}]}', "severity"],
    ['{"expect":[],"onViolation":"shout"}', "severity"],
  ])("are refused by name where they are %s", (text, problem) => {
    expect(() => keptFrom(text)).toThrow(
      expect.objectContaining({
        code: "EXPECTATION_INVALID",
        message: expect.stringContaining(problem) as string,
      }) as Error,
    );
  });

  it("keep every value that a bound can be", () => {
    const value = fc.oneof(fc.double(), fc.bigInt(), fc.string(), fc.boolean());
    fc.assert(
      fc.property(fc.array(value, { minLength: 1 }), (values) => {
        const [again] = keptFrom(keptText({ expect: [builders.oneOf("a", values)] })).expect;
        expect(again?.args).toEqual(["a", values]);
        expect(again?.name).toBe(`oneOf("a", ${show(values)})`);
      }),
    );
  });
});
