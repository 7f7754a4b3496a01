import { describe, expect, it } from "vitest";
import type { ModelRegistry } from "../registry.ts";

export interface ModelRegistrySuite {
  /** A registry over a new, empty database. */
  readonly create: () => ModelRegistry | Promise<ModelRegistry>;
}

const model = (text: string): { files: Record<string, Uint8Array>; author: string } => ({
  files: { "weights.bin": new TextEncoder().encode(text) },
  author: "ada",
});

/** What a database must bear: run it for every `DatabaseFactory`. */
export function describeModelRegistry(name: string, { create }: ModelRegistrySuite): void {
  describe(`${name}: model registry`, () => {
    it("gives 64 concurrent writers 64 different numbers, and none twice after a delete", async () => {
      await using registry = await create();
      const writers = Array.from({ length: 64 }, (_, i) => registry.register("delay", model(`weights ${i}`)));
      const numbers = (await Promise.all(writers)).map(({ number }) => number);
      expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, i) => i + 1));
      await registry.deleteVersion("delay", 64, { by: "ada" });
      expect((await registry.register("delay", model("more"))).number).toBe(65);
      await registry.deleteModel("delay", { by: "ada" });
      expect((await registry.register("delay", model("again"))).number).toBe(66);
    });

    it("lets one of 100 racing promoters win, and tells the others who did", async () => {
      await using registry = await create();
      for (let i = 1; i <= 3; i++) await registry.register("delay", model(`weights ${i}`));
      await registry.promote("delay", { alias: "champion", to: 1, expected: undefined, by: "bob" });
      const racers = Array.from({ length: 100 }, (_, i) =>
        registry.promote("delay", { alias: "champion", to: 2 + (i % 2), expected: 1, by: `racer ${i}` }),
      );
      const outcomes = await Promise.allSettled(racers);
      const winner = outcomes.findIndex(({ status }) => status === "fulfilled");
      const current = 2 + (winner % 2);
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      const reasons = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
      const conflict = { code: "ALIAS_CONFLICT", status: 409, details: { current, revision: 2 } };
      for (const reason of reasons) expect(reason).toMatchObject(conflict);
      expect((await registry.get("delay@champion")).number).toBe(current);
      expect((await registry.aliasHistory("delay", "champion")).items).toHaveLength(2);
    });

    it("pages versions without loss or repetition while others write", async () => {
      await using registry = await create();
      for (let i = 1; i <= 7; i++) await registry.register("delay", model(`weights ${i}`));
      const seen: number[] = [];
      let cursor: string | undefined;
      do {
        const page = await registry.versions("delay", { limit: 3, ...(cursor === undefined ? {} : { cursor }) });
        seen.push(...page.items.map(({ number }) => number));
        cursor = page.next;
        await registry.register("delay", model(`during ${seen.length}`));
      } while (cursor !== undefined);
      expect(seen).toEqual([7, 6, 5, 4, 3, 2, 1]);
    });
  });
}
