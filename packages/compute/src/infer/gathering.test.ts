import fc from "fast-check";
import { expect, test } from "vitest";
import { Gathering } from "./gathering.ts";

/** What waits at the end of each turn, until the batch is made. */
function turnsOf(gathering: Gathering, arrivals: readonly number[], maxRows: number): number {
  let size = 0;
  for (let turn = 0; ; turn++) {
    size += arrivals[turn] ?? 0;
    if (!gathering.goesOn({ size, rows: size }, maxRows)) return turn;
  }
}

test("a batch grows while each turn brings more for it, and the next one is asked for anew", () => {
  const gathering = new Gathering();
  for (let batch = 0; batch < 2; batch++) {
    expect(turnsOf(gathering, [3, 2], 100)).toBe(2);
    expect(turnsOf(gathering, [3, 0, 9], 100)).toBe(1);
  }
});

test("a full batch is not waited with, and no batch for long, however many come", () => {
  const arrivals = fc.array(fc.nat({ max: 5 }), { maxLength: 50 });
  fc.assert(
    fc.property(fc.array(arrivals, { maxLength: 5 }), fc.integer({ min: 1, max: 40 }), (batches, maxRows) => {
      const gathering = new Gathering();
      for (const batch of batches) {
        const turns = turnsOf(gathering, batch, maxRows);
        expect(turns).toBeLessThanOrEqual(4);
        const before = batch.slice(0, turns).reduce((sum, count) => sum + count, 0);
        expect(before).toBeLessThan(maxRows);
      }
    }),
  );
});
