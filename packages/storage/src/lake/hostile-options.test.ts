import { memoryObjectStore } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import { rowsOf } from "../../test/rows.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, type LakeTable, notNull, openLake, rows as expectRows } from "./index.ts";

const rows = batchFrom({
  id: ["long", [1n, 2n, null]],
  at: ["timestamp", [1n, 2n, null]],
  json: ["string", ['{"a":1}', '{"a":2}', null]],
});

async function table(): Promise<LakeTable> {
  const made = await openLake({ objects: memoryObjectStore(), codec: hyparquet() }).table("t");
  await made.append(rows);
  return made;
}

/** From callers that no compiler has checked. */
const unchecked = (options: unknown): never => options as never;

describe("a predicate that says nothing", () => {
  // Each of these once let every row match, or every one that is not null.
  it.each([
    ["a value that is undefined", { id: undefined }, "PREDICATE_INVALID"],
    ["a value that is null", { id: null }, "PREDICATE_INVALID"],
    ["a part that is not known", { id: { ne: 1n } }, "PREDICATE_INVALID"],
    ["a part that is undefined", { id: { eq: undefined } }, "PREDICATE_INVALID"],
    ["a bound that is undefined", { id: { gte: 1n, lt: undefined } }, "PREDICATE_INVALID"],
    ["a date", { at: new Date(0) }, "PREDICATE_INVALID"],
    ["an array for a condition", { id: [1n] }, "PREDICATE_INVALID"],
    ["a map for a condition", { id: new Map([["eq", 1n]]) }, "PREDICATE_INVALID"],
    ["an object for a value", { id: { eq: {} } }, "PREDICATE_INVALID"],
    ["values that are no array", { json: { in: "ab" } }, "PREDICATE_INVALID"],
    ["nulls that are neither", { id: { null: "no" } }, "PREDICATE_INVALID"],
    ["a place that is undefined", { json: { at: { "/a": undefined } } }, "PREDICATE_INVALID"],
    ["a part that is not known at a place", { json: { at: { "/a": { like: "x" } } } }, "PREDICATE_INVALID"],
    ["places within places", { json: { at: { "/a": { at: {} } } } }, "PREDICATE_INVALID"],
    ["places in an array", { json: { at: [] } }, "PREDICATE_INVALID"],
    ["the name of what every object has", { id: { toString: 1n } }, "PREDICATE_INVALID"],
    ["a map", new Map([["id", 1n]]), "OPTION_INVALID"],
    ["an array", [], "OPTION_INVALID"],
    ["a text", "id = 1", "OPTION_INVALID"],
    ["null", null, "OPTION_INVALID"],
  ])("is refused: %s", async (_, where, code) => {
    const target = await table();
    await expect(target.delete(unchecked({ where }))).rejects.toMatchObject({ code });
    await expect(target.update(unchecked({ where, set: { id: 9n } }))).rejects.toMatchObject({ code });
    await expect(target.overwrite(rows, unchecked({ where }))).rejects.toMatchObject({ code });
    await expect(rowsOf(target.scan(unchecked({ where })))).rejects.toMatchObject({ code });
    expect((await target.snapshot()).version).toBe(0);
  });

  it("stands as it is where it is meant", async () => {
    const target = await table();
    const bare = Object.assign(Object.create(null) as Record<string, never>, { id: { null: true } });
    expect(await rowsOf(target.scan({ where: bare }))).toHaveLength(1);
    expect(await rowsOf(target.scan({ where: { id: {} } }))).toHaveLength(2);
    expect(await rowsOf(target.scan({ where: {} }))).toHaveLength(3);
  });
});

describe("what is noted with a commit", () => {
  it.each([
    [{ transaction: { appId: "a", version: 1.5 } }, "transaction.version"],
    [{ transaction: { appId: "a", version: Number.NaN } }, "transaction.version"],
    [{ transaction: { appId: "a", version: -1 } }, "transaction.version"],
    [{ transaction: { appId: "a", version: 2 ** 60 } }, "transaction.version"],
    [{ transaction: { appId: "a", version: "1" } }, "transaction.version"],
    [{ transaction: { appId: 7, version: 1 } }, "transaction.appId"],
    [{ transaction: { appId: "", version: 1 } }, "transaction.appId"],
    [{ commitInfo: { txnId: "mine" } }, "commitInfo.txnId"],
    [{ commitInfo: { isBlindAppend: true } }, "commitInfo.isBlindAppend"],
    [{ commitInfo: { inCommitTimestamp: 1 } }, "commitInfo.inCommitTimestamp"],
    [{ commitInfo: { size: 1n } }, "commitInfo.size"],
    [{ commitInfo: { share: Number.NaN } }, "commitInfo.share"],
  ])("is refused where no reader would take it, or it would lie: %o", async (noted, option) => {
    const target = await table();
    const refused = { code: "OPTION_INVALID", details: { option } };
    await expect(target.append(rows, unchecked(noted))).rejects.toMatchObject(refused);
    await expect(target.overwrite(rows, unchecked(noted))).rejects.toMatchObject(refused);
    await expect(target.delete(unchecked({ where: { id: 1n }, ...noted }))).rejects.toMatchObject(refused);
    await expect(target.merge(rows, unchecked({ on: ["id"], ...noted }))).rejects.toMatchObject(refused);
    await expect(target.optimize(unchecked(noted))).rejects.toMatchObject(refused);
    expect(await rowsOf(target.scan())).toHaveLength(3);
    expect(await target.history()).toHaveLength(1);
  });
});

describe("a word that an option does not know", () => {
  it.each([
    ["partitions", (target: LakeTable) => target.overwrite(rows, unchecked({ partitions: "toched" }))],
    ["evolve", (target: LakeTable) => target.append(rows, unchecked({ evolve: "add-column" }))],
    ["whenMatched", (target: LakeTable) => target.merge(rows, unchecked({ on: ["id"], whenMatched: "remove" }))],
    ["whenNotMatched", (target: LakeTable) => target.merge(rows, unchecked({ on: ["id"], whenNotMatched: "no" }))],
    [
      "whenNotMatchedBySource",
      (target: LakeTable) => target.merge(rows, unchecked({ on: ["id"], whenNotMatchedBySource: "remove" })),
    ],
  ])("is refused, and not taken for the default: %s", async (option, call) => {
    const target = await table();
    await expect(call(target)).rejects.toMatchObject({ code: "OPTION_INVALID", details: { option } });
    expect((await target.snapshot()).version).toBe(0);
  });

  it("is refused as a severity, which would let bad rows pass", async () => {
    const target = await table();
    const refused = { code: "EXPECTATION_INVALID" };
    const severity = unchecked("explode");
    for (const options of [
      { expect: [notNull("id", { severity })] },
      { expect: [notNull("id")], onViolation: severity },
      { onViolation: severity },
    ]) {
      await expect(target.append(rows, options)).rejects.toMatchObject(refused);
      await expect(target.merge(rows, { on: ["id"], ...options })).rejects.toMatchObject(refused);
    }
    // A table that kept it could not be written any more.
    await expect(target.alter({ expect: [notNull("id")], onViolation: severity })).rejects.toMatchObject(refused);
    await expect(target.alter({ expect: [notNull("id", { severity })] })).rejects.toMatchObject(refused);
    await expect(target.append(rows)).resolves.toMatchObject({ version: 1 });
  });
});

it("takes no promise for a yes", async () => {
  const target = await table();
  const later = unchecked(async () => false);
  await expect(target.append(rows, { expect: [expectRows("later", later)] })).rejects.toMatchObject({
    code: "EXPECTATION_INVALID",
  });
  const whenMatched = { set: { id: 9n }, where: later };
  await expect(target.merge(rows, { on: ["id"], whenMatched })).rejects.toMatchObject({ code: "OPTION_INVALID" });
  expect((await target.snapshot()).version).toBe(0);
});
