import fc from "fast-check";
import { expect, test } from "vitest";

import type { PreparedInputs } from "./request.ts";
import { ResponseCache } from "./response-cache.ts";

const outputsOf = (value: number) => ({ y: { type: "float32" as const, shape: [1], data: Float32Array.of(value) } });

test("holds the most recently used that fit, as a list kept by hand does", () => {
  const operations = fc.array(fc.tuple(fc.boolean(), fc.constantFrom("a", "b", "c", "d", "e")), { maxLength: 60 });
  fc.assert(
    fc.property(operations, (steps) => {
      const cache = new ResponseCache(3 * 260);
      let kept: string[] = [];
      for (const [isSet, key] of steps) {
        const known = kept.includes(key);
        if (isSet) cache.set(key, outputsOf(key.charCodeAt(0)));
        const found = isSet ? undefined : cache.get(key)?.["y"]?.data;
        expect(found).toEqual(known && !isSet ? Float32Array.of(key.charCodeAt(0)) : undefined);
        if (isSet || known) kept = [...kept.filter((other) => other !== key), key].slice(-3);
        expect(cache.bytes).toBe(kept.length * 260);
      }
    }),
  );
});

test("keys tell values, shapes and strings apart; what is handed out is a copy", () => {
  const cache = new ResponseCache(1e6);
  const key = (data: PreparedInputs["tensors"][number]["data"], shape: number[]): string =>
    cache.keyOf({ tensors: [{ data, shape }], rows: 1, shapeKey: "", owned: false });
  const keys = [
    key(Float32Array.of(1, 2), [1, 2]),
    key(Float32Array.of(1, 2), [2, 1]),
    key(Float32Array.of(1, 3), [1, 2]),
    key(["ab", "c"], [2]),
    key(["a", "bc"], [2]),
  ];
  expect(new Set(keys).size).toBe(keys.length);
  cache.set("k", outputsOf(1));
  const handedOut = cache.get("k")?.["y"]?.data;
  (handedOut as Float32Array)[0] = 9;
  expect(cache.get("k")?.["y"]?.data[0]).toBe(1);
  cache.set("large", { y: { type: "float64", shape: [1e6], data: new Float64Array(1e6) } });
  expect(cache.get("large")).toBeUndefined();
});
