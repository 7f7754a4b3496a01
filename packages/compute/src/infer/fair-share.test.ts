import fc from "fast-check";
import { expect, test } from "vitest";

import { type Contender, FairShare } from "./fair-share.ts";

/** Contenders that always have a run waiting, in virtual time; gives the time each has used. */
function compete(weights: readonly number[], micros: readonly number[], slots: number, runs: number): number[] {
  const share = new FairShare(slots);
  const contenders = weights.map((weight): Contender => ({ weight }));
  const used = weights.map(() => 0);
  const running: { index: number; endsAt: number }[] = [];
  let now = 0;
  const ask = (index: number): void =>
    share.request(contenders[index] as Contender, () =>
      running.push({ index, endsAt: now + (micros[index] as number) }),
    );
  for (const index of weights.keys()) for (let more = 0; more <= slots; more++) ask(index);
  for (let run = 0; run < runs; run++) {
    running.sort((a, b) => a.endsAt - b.endsAt);
    const { index, endsAt } = running.shift() as { index: number; endsAt: number };
    now = endsAt;
    used[index] = (used[index] ?? 0) + (micros[index] as number);
    ask(index);
    share.finished(contenders[index] as Contender, micros[index] as number);
  }
  return used;
}

test("time is shared by weight, however long each run is", () => {
  const micros = fc.integer({ min: 10, max: 1000 });
  const weight = fc.integer({ min: 1, max: 5 });
  fc.assert(
    fc.property(fc.tuple(micros, micros), fc.tuple(weight, weight), (runs, weights) => {
      const [first, second] = compete(weights, runs, 1, 4000) as [number, number];
      const ratio = first / weights[0] / (second / weights[1]);
      expect(ratio).toBeGreaterThan(0.8);
      expect(ratio).toBeLessThan(1.25);
    }),
    { numRuns: 30 },
  );
});

test("no slot stays empty while something waits, and a newcomer neither jumps ahead nor starves", () => {
  const share = new FairShare(2);
  const old = { weight: 1 };
  const started: string[] = [];
  share.request(old, () => started.push("a"));
  share.request(old, () => started.push("b"));
  share.request(old, () => started.push("c"));
  expect(started).toEqual(["a", "b"]);
  share.finished(old, 1e9);
  expect(started).toEqual(["a", "b", "c"]);
  const young = { weight: 1 };
  share.request(old, () => started.push("old"));
  share.request(young, () => started.push("young"));
  share.finished(old, 1e9);
  expect(started.at(-1)).toBe("young");
  share.finished(old, 1);
  expect(started.at(-1)).toBe("old");
});
