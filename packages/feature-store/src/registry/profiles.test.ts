import { manualClock } from "@ashlar/core/memory";
import { expect, it } from "vitest";
import { column, entity, featureView, fromRows } from "../index.ts";
import { profile } from "../validate/index.ts";
import { createFeatureRegistry, sqlite } from "./index.ts";

const rows = fromRows("sizes", [
  { id: "a", at: new Date(0), size: 1 },
  { id: "b", at: new Date(1), size: 3 },
]);
const view = (ttl: "1h" | "2h") =>
  featureView({
    name: "sizes",
    entities: [entity({ name: "thing", key: { id: "string" } })],
    source: rows,
    eventTime: "at",
    ttl,
    features: { size: column("size") },
  });

it("keeps profiles by version of a view, subject and time", async () => {
  const clock = manualClock(1000);
  await using registry = createFeatureRegistry({ database: sqlite({ path: ":memory:" }), clock });
  const [first, second] = [view("1h"), view("2h")];
  for (const each of [first, second]) await registry.apply(await registry.plan({ views: [each] }), { by: "ada" });
  const made = await profile(rows);
  const record = { view: "sizes", profile: made } as const;
  await registry.recordProfile({ ...record, version: first.version, of: "source", rows: "sizes@1" });
  clock.advance(1000);
  await registry.recordProfile({ ...record, version: second.version, of: "source" });
  await registry.recordProfile({ ...record, version: second.version, of: "served" });

  const all = await registry.profiles("sizes");
  expect(all.map(({ id, at, of, version, rows: which }) => [id, at, of, version, which])).toEqual([
    [3, 2000, "served", second.version, null],
    [2, 2000, "source", second.version, null],
    [1, 1000, "source", first.version, "sizes@1"],
  ]);
  expect(all[0]?.profile).toEqual(made);
  const ids = async (query: Parameters<typeof registry.profiles>[1]): Promise<number[]> =>
    (await registry.profiles("sizes", query)).map(({ id }) => id);
  expect(await ids({ version: second.version })).toEqual([3, 2]);
  expect(await ids({ of: "source", limit: 1 })).toEqual([2]);
  expect(await ids({ since: 1000, until: 2000 })).toEqual([1]);
  expect(await registry.profiles("others")).toEqual([]);

  const unknown = registry.recordProfile({ ...record, version: "0".repeat(64), of: "source" });
  await expect(unknown).rejects.toMatchObject({ code: "DEFINITION_NOT_FOUND" });
  const subject: string = "dreams";
  const wrong = registry.recordProfile({ ...record, version: first.version, of: subject as "served" });
  await expect(wrong).rejects.toMatchObject({ code: "REQUEST_INVALID" });
  await expect(registry.profiles("sizes", { limit: 0 })).rejects.toMatchObject({ code: "REQUEST_INVALID" });
});
