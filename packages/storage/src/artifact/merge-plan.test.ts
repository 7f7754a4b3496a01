import fc from "fast-check";
import { expect, it } from "vitest";
import type { Digest } from "./digest.ts";
import { covering, maxPacks, planMerge, worthMerging } from "./merge-plan.ts";

interface Index {
  readonly digest: Digest;
  readonly packs: readonly Digest[];
}

const pack = (n: number): Digest => `sha256:${String(n).padStart(64, "0")}`;

it("chooses indexes that cover what all cover, and each of which is needed", () => {
  const index = fc.record({ digest: fc.nat(1000).map(pack), packs: fc.uniqueArray(fc.nat(60).map(pack)) });
  const indexes = fc.uniqueArray(index, { selector: ({ digest }) => digest, maxLength: 10 });
  fc.assert(
    fc.property(indexes, fc.uniqueArray(fc.nat(60).map(pack)), (indexes, alive) => {
      const there = new Set(alive);
      const { chosen, surplus, covered } = covering(indexes, there);
      const all = indexes.flatMap(({ packs }) => packs).filter((each) => there.has(each));
      expect(covered).toEqual(new Set(all));
      expect(new Set(chosen.flatMap(({ packs }) => packs).filter((each) => there.has(each)))).toEqual(covered);
      expect(new Set([...chosen, ...surplus])).toEqual(new Set(indexes));
      // Whatever order they are listed in.
      expect(covering(indexes.toReversed(), there).chosen).toEqual(chosen);
    }),
  );
});

it("keeps indexes few, and writes no pack much more often than the number of packs doubles", () => {
  const there = new Set<Digest>();
  let indexes: readonly Index[] = [];
  let written = 0;
  const total = 2 * maxPacks;
  for (let n = 0; n < total; n++) {
    there.add(pack(n));
    const plan = planMerge(indexes, there);
    if (!plan.isWorthIt) continue;
    const { covered } = covering(indexes, there);
    const packs = [
      ...plan.absorbed.flatMap((index) => index.packs),
      ...[...there].filter((each) => !covered.has(each)),
    ];
    written += packs.length;
    indexes = [...indexes.filter((index) => !plan.absorbed.includes(index)), { digest: pack(1_000_000 + n), packs }];
    expect(packs.length).toBeLessThanOrEqual(maxPacks);
    expect(indexes.length).toBeLessThan(Math.log2(maxPacks / worthMerging) + 4);
  }
  expect(there.size - covering(indexes, there).covered.size).toBeLessThan(worthMerging);
  expect(written / total).toBeLessThan(Math.log2(maxPacks / worthMerging) + 1);
});

it("takes in an index most of whose packs are gone, and leaves a few packs without one", () => {
  const indexes = [{ digest: pack(1), packs: Array.from({ length: 200 }, (_, n) => pack(n)) }];
  const left = (count: number): Set<Digest> => new Set(indexes[0]?.packs.slice(0, count));
  expect(planMerge(indexes, left(100))).toMatchObject({ absorbed: [], isWorthIt: false });
  expect(planMerge(indexes, left(99))).toMatchObject({ absorbed: indexes, isWorthIt: true });
  expect(planMerge(indexes, left(10))).toMatchObject({ absorbed: indexes, isWorthIt: false });
  expect(planMerge(indexes, left(0))).toMatchObject({ surplus: indexes, absorbed: [], isWorthIt: false });
});
