import { describe, expect, it } from "vitest";
import { clock, trips } from "../../test/plain-trips.ts";
import { car, second } from "../../test/pushed.ts";
import { column, count, createFeatureStore, featureView, fromRows, memory, type PushEvent, window } from "../index.ts";

describe("push", () => {
  it.each([
    ["no id", { id: null }, "its id"],
    ["a key of another type", { car: 5 }, "its key"],
    ["no time", { at: null }, "no Date"],
    ["a time to come", { at: new Date(11_000 * second) }, "future"],
    ["no value at all", { length: undefined }, "nothing in"],
  ])("refuses %s before any event has an effect", async (_, wrong, rule) => {
    const view = trips([]);
    const store = createFeatureStore({ views: [view], clock });
    const good: PushEvent = { id: "1", car: "a", at: new Date(1), known: new Date(2), length: 1, note: "x" };
    const pushed = store.push(view, [good, { ...good, id: "2", ...wrong }]);
    await expect(pushed).rejects.toMatchObject({
      code: "PUSH_INVALID",
      details: { row: 1, rule: expect.stringContaining(rule) },
    });
    const [row] = await store.read({ entities: [{ car: "a" }], features: ["trips:count"], at: 3 });
    expect(row?.["trips:count"]?.status).toBe("NOT_FOUND");
    const mistyped = store.push(view, [{ ...good, length: "long" }]);
    await expect(mistyped).rejects.toMatchObject({ code: "COLUMN_TYPE_MISMATCH" });
  });

  it("refuses a view without a push source, windows without an end and tiles that are too many", async () => {
    const base = { name: "v", entities: [car], source: fromRows("v", []), eventTime: "at", ttl: "1d" } as const;
    const plain = featureView({ ...base, features: { length: column("length") } });
    const store = createFeatureStore({ views: [plain], clock });
    await expect(store.push(plain, [])).rejects.toMatchObject({ code: "PUSH_INVALID" });
    const invalid = expect.objectContaining({ code: "DEFINITION_INVALID" });
    const endless = { kind: "window", width: Infinity, of: count(), type: "int32" } as const;
    expect(() => featureView({ ...base, push: { id: "id" }, features: { endless } })).toThrow(invalid);
    const features = { count: window("1d", count()) };
    expect(() => featureView({ ...base, push: { id: "id", tile: "1s" }, features })).toThrow(invalid);
    expect(() => featureView({ ...base, push: { id: "" }, features })).toThrow(invalid);
    expect(featureView({ ...base, push: { id: "id" }, features }).push).toMatchObject({
      tile: 3 * 3_600_000_000,
      tiles: 11,
    });
  });

  it("names a tile that is full, and a store where others are always first", async () => {
    const view = trips([]);
    const note = "x".repeat(50_000);
    const event: PushEvent = { id: "1", car: "a", at: new Date(1), known: new Date(2), length: 1, note };
    const store = createFeatureStore({ views: [view], clock });
    const six = Array.from({ length: 6 }, (_, i) => ({ ...event, id: `${i}` }));
    await expect(store.push(view, six)).rejects.toMatchObject({ code: "TILE_FULL" });
    await store.push(view, six.slice(0, 4));
    const online = memory();
    const contended = { ...online, exchange: async () => [false] };
    const another = createFeatureStore({ views: [view], online: contended, clock });
    await expect(another.push(view, [event])).rejects.toMatchObject({ code: "PUSH_CONFLICT", retryable: true });
  });
});
