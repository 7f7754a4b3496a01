import { expect, it } from "vitest";
import { column, createFeatureStore, entity, featureView, fromRows, window, count } from "../index.ts";

it("makes a source of row objects, each type as itself", async () => {
  const at = new Date("2001-06-01T00:00:00.123Z");
  const source = fromRows("rows", [
    { id: 7n, at, note: "x", open: true, size: 1.5 },
    { id: 7n, at: null, note: "never joined" },
  ]);
  const view = featureView({
    name: "v",
    entities: [entity({ name: "thing", key: { id: "int64" } })],
    source,
    eventTime: "at",
    ttl: "forever",
    features: {
      note: column("note", "string"),
      open: column("open", "boolean"),
      size: column("size"),
      when: column("at", "timestamp"),
      rows: window("1d", count()),
    },
  });
  const set = await createFeatureStore({ views: [view] })
    .trainingSet({ labels: source, time: "at", features: ["v:*"] })
    .catch((error: unknown) => error);
  expect(set).toMatchObject({ code: "LABEL_TIME_NULL", details: { row: 1 } });
  const labels = fromRows("labels", [{ id: 7n, at }]);
  const joined = await createFeatureStore({ views: [view] }).trainingSet({ labels, time: "at", features: ["v:*"] });
  const when = BigInt(at.getTime()) * 1000n;
  expect(joined.row(0)).toEqual({ "v:note": "x", "v:open": true, "v:size": 1.5, "v:when": when, "v:rows": 1 });
});

it("refuses a column of two types", () => {
  const mixed = (): unknown => fromRows("rows", [{ id: 1 }, { id: "1" }]);
  expect(mixed).toThrow(expect.objectContaining({ code: "COLUMN_TYPE_MISMATCH" }));
});
