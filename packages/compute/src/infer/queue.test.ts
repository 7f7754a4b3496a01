import fc from "fast-check";
import { expect, test } from "vitest";

import { type Queued, RequestQueue } from "./queue.ts";

interface Item extends Queued {
  readonly order: number;
}

test("takes by priority, then arrival, the overdue last; only equal shapes are joined", () => {
  const request = fc.record({
    rows: fc.integer({ min: 1, max: 4 }),
    shapeKey: fc.constantFrom("a", "b"),
    priority: fc.integer({ min: 1, max: 9 }),
    overdue: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(request, { maxLength: 20 }), fc.integer({ min: 1, max: 10 }), (requests, maxRows) => {
      const queue = new RequestQueue<Item>();
      const items = requests.map((fields, order): Item => ({ ...fields, order }));
      for (const item of items) queue.add(item);
      const sorted = items.toSorted(
        (a, b) => Number(a.overdue) - Number(b.overdue) || a.priority - b.priority || a.order - b.order,
      );
      const taken: Item[] = [];
      while (queue.size > 0) {
        const left = sorted.filter((item) => !taken.includes(item));
        expect(queue.first).toBe(left[0]);
        expect(queue.sizeOf(5)).toBe(left.filter((item) => item.priority === 5).length);
        const joinable = queue.joinable(maxRows, true);
        const same = left.filter((item) => item.shapeKey === left[0]?.shapeKey);
        expect(joinable).toEqual(same.slice(0, joinable.length));
        const rows = joinable.reduce((sum, item) => sum + item.rows, 0);
        expect(joinable.length === same.length || rows > maxRows).toBe(true);
        const batch = joinable.slice(0, 2);
        queue.take(batch);
        taken.push(...batch);
      }
      expect(taken.length).toBe(items.length);
    }),
  );
});

test("what was taken out is gone", () => {
  const queue = new RequestQueue<Queued>();
  const one = { rows: 1, shapeKey: "", priority: 5, overdue: false };
  const two = { ...one };
  queue.add(one);
  queue.add(two);
  expect([queue.remove(one), queue.remove(one), queue.size, queue.sizeOf(5)]).toEqual([true, false, 1, 1]);
  expect(queue.joinable(9, false)).toEqual([two]);
  expect([queue.takeAll().length, queue.size, queue.sizeOf(5)]).toEqual([1, 0, 0]);
});
