import * as fc from "fast-check";
import { expect, it } from "vitest";
import { type SharedBytes, SharedMemory } from "./shared-memory.ts";

const largest = 1024 * 1024;

it("gives nobody a piece that another has, and no more than it may", () => {
  const step = fc.oneof(fc.record({ take: fc.integer({ min: 1, max: 600_000 }) }), fc.record({ give: fc.nat() }));
  const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const memory = new SharedMemory(largest);
    const held: SharedBytes[] = [];
    const sizes: number[] = [];
    const counts: number[] = [];
    const missing: number[] = [];
    const buffers: Set<ArrayBufferLike>[] = [];
    for (const given of steps) {
      const taken = "take" in given ? memory.take(given.take) : undefined;
      if ("take" in given && taken !== undefined) held.push(taken);
      if ("give" in given && held.length > 0) memory.give(held.splice(given.give % held.length, 1)[0] as SharedBytes);
      sizes.push(held.reduce((sum, { byteLength }) => sum + byteLength, 0));
      buffers.push(new Set(held.map(({ buffer }) => buffer)));
      counts.push(held.length);
      if ("take" in given) missing.push(given.take - (taken?.byteLength ?? given.take));
    }
    expect(Math.max(0, ...sizes)).toBeLessThanOrEqual(largest);
    expect(Math.max(0, ...missing)).toBe(0);
    expect(buffers.map(({ size }) => size)).toEqual(counts);
    for (const piece of held) memory.give(piece);
    // What lies idle makes room for another size.
    expect(memory.take(largest)?.byteLength).toBe(largest);
  });
  fc.assert(property, { numRuns: 200 });
});
