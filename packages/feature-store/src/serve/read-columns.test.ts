import { describe, expect, expectTypeOf, it } from "vitest";
import { column } from "../define/column.ts";
import { entity } from "../define/entity.ts";
import { featureView } from "../define/feature-view.ts";
import { onDemand } from "../define/on-demand.ts";
import { count, mean, window } from "../define/window.ts";
import { memory } from "../online/memory.ts";
import { fromRows } from "../source/rows.ts";
import { fromTable } from "../source/table-source.ts";
import { createFeatureStore } from "../store.ts";
import { arrowTable } from "../testing/tables.ts";
import type { OnlineColumns } from "./online-columns.ts";

const second = 1_000_000;
const thing = entity({ name: "thing", key: { id: "string" } });
const things = featureView({
  name: "things",
  entities: [thing],
  source: fromTable(
    "things",
    arrowTable({
      id: ["string", ["a", "b", "old"]],
      at: ["timestamp", [90 * second, 95 * second, second]],
      amount: ["float64", [1.5, null, 3]],
      size: ["int32", [7, null, 9]],
      big: ["int64", [2n ** 60n, null, 1n]],
      word: ["string", ["été", null, "x"]],
    }),
  ),
  eventTime: "at",
  ttl: "1m",
  features: {
    amount: column("amount"),
    size: column("size", "int32"),
    big: column("big", "int64"),
    word: column("word", "string"),
    when: column("at", "timestamp"),
    count_1h: window("1h", count()),
    mean_1h: window("1h", mean("amount")),
  },
});
const clicks = featureView({
  name: "clicks",
  entities: [thing],
  source: fromRows("clicks", []),
  eventTime: "at",
  ttl: "1d",
  push: { id: "n" },
  features: { last: column("n"), count_1m: window("1m", count()), mean_1m: window("1m", mean("n")) },
});
const asked = onDemand({
  name: "asked",
  input: { x: "float64" },
  output: { twice: "float64", positive: "boolean" },
  compute: ({ x }) => ({ twice: x > 5 ? null : 2 * x, positive: x > 0 }),
});
const at = 100_000;
const store = createFeatureStore({ views: [things, clicks, asked] });
await store.materialize(things, { until: at });
const entities = ["a", "nobody", null, "b", "old"].map((id, i) => ({ id, x: i === 2 ? null : i * 2 - 1 }));
const features = ["things:*", "clicks:*", "asked:*"] as const;

describe("a read by columns", () => {
  it("has the values, statuses and ages of a read by rows", async () => {
    const pushed = createFeatureStore({
      views: [things, clicks, asked],
      clock: { now: () => at, monotonic: () => 0, sleep: async () => undefined },
      online: memory(),
    });
    await pushed.materialize(things, { until: at });
    await pushed.push(clicks, [
      { n: 1, id: "a", at: new Date(at - 1000) },
      { n: 2, id: "a", at: new Date(at - 500) },
      { n: 3, id: "old", at: new Date(at - 90_000) },
    ]);
    for (const request of [
      { entities, features },
      { entities: [], features },
      { entities, features: ["things:word", "asked:twice", "clicks:mean_1m"] as const },
      { entities, features, at: at + 80_000 },
    ]) {
      const rows = await pushed.read({ ...request } as never);
      const columns = await pushed.readColumns({ ...request } as never);
      expect(columns.rows()).toEqual(rows);
      expect(columns.length).toBe(rows.length);
    }
  });

  it("gives each type in an array of its own, and numbers as a matrix", async () => {
    const columns = await store.readColumns({ entities: entities as never, features: ["things:*"], at });
    expectTypeOf(columns).toEqualTypeOf<OnlineColumns<`things:${keyof typeof things.features & string}`>>();
    expect(columns.column("things:amount").values).toEqual(Float64Array.of(1.5, NaN, NaN, NaN, NaN));
    expect(columns.column("things:size").values).toEqual(Int32Array.of(7, 0, 0, 0, 0));
    expect(columns.column("things:big").values).toEqual(BigInt64Array.of(2n ** 60n, 0n, 0n, 0n, 0n));
    expect(columns.column("things:word").values).toEqual(["été", null, null, null, null]);
    expect(columns.column("things:amount").statuses).toEqual(Uint8Array.of(0, 3, 4, 1, 2));
    expect(columns.matrix(["things:size", "things:amount"])).toEqual(
      Float32Array.of(7, 1.5, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN),
    );
    expect(() => columns.matrix(["things:word"])).toThrow(expect.objectContaining({ code: "COLUMN_TYPE_MISMATCH" }));
    expect(() => columns.column("things:nothing" as never)).toThrow(
      expect.objectContaining({ code: "FEATURE_UNKNOWN" }),
    );
  });

  it("refuses what a read by rows refuses", async () => {
    const bad = { entities: [{ id: 7 }], features: ["things:amount"] } as never;
    await expect(store.readColumns(bad)).rejects.toMatchObject({ code: "ENTITY_KEY_INVALID" });
    // @ts-expect-error -- a name that no view has
    const unknown = store.readColumns({ entities: [], features: ["things:nothing"] });
    await expect(unknown).rejects.toMatchObject({ code: "FEATURE_UNKNOWN" });
  });
});
