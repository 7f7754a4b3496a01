import fc from "fast-check";
import { expect, it } from "vitest";
import { SharedMap } from "./shared-map.ts";

const key = fc.nat(40).map(String);
const step = fc.oneof(
  fc.record({ do: fc.constant("set" as const), key, value: fc.nat() }),
  fc.record({ do: fc.constant("delete" as const), key }),
  fc.record({ do: fc.constant("copy" as const) }),
  fc.record({ do: fc.constant("turn" as const), to: fc.nat(5) }),
);

it("is a map, and no copy sees what another does", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const pairs = [{ map: new SharedMap<number>(), model: new Map<string, number>() }];
      let turn = 0;
      for (const action of steps) {
        const pair = pairs[turn % pairs.length] as (typeof pairs)[0];
        if (action.do === "set") {
          pair.map.set(action.key, action.value);
          pair.model.set(action.key, action.value);
        } else if (action.do === "delete") {
          pair.map.delete(action.key);
          pair.model.delete(action.key);
        } else if (action.do === "copy") pairs.push({ map: pair.map.copy(), model: new Map(pair.model) });
        else turn = action.to;
      }
      for (const { map, model } of pairs) {
        expect(new Map(map)).toEqual(model);
        expect([map.size, new Set(map.keys()).size, [...map.values()].length]).toEqual(Array(3).fill(model.size));
      }
    }),
  );
});

it("keeps its content when many changes are merged into what was shared", () => {
  const map = new SharedMap(new Map(Array.from({ length: 1000 }, (_, i) => [`${i}`, i])));
  const before = map.copy();
  for (let i = 500; i < 3000; i++) map.set(`${i}`, -i);
  for (let i = 0; i < 100; i++) map.delete(`${i}`);
  expect([map.size, map.get("99"), map.get("100"), map.get("2999")]).toEqual([2900, undefined, 100, -2999]);
  expect([before.size, before.get("99"), before.get("500")]).toEqual([1000, 99, 500]);
});
