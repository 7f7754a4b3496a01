import { isAshlarError, type ObjectStore } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rowsOf } from "../../test/rows.ts";
import { hyparquet } from "../parquet/hyparquet.ts";
import { batchFrom, openLake } from "./index.ts";

const entry = (version: number): string => `t/_delta_log/${String(version).padStart(20, "0")}.json`;
const last = 3;
/** What {@link ask} asks. */
const questions = 8;

/** A table with all that a log has: partitions, statistics, a transaction, a removed file, changed columns. */
async function table(): Promise<ReadonlyMap<string, Uint8Array>> {
  const objects = memoryObjectStore();
  const lake = openLake({ objects, codec: hyparquet() });
  const t = await lake.table("t", { partitionBy: ["p"] });
  const rows = (n: readonly bigint[]): ReturnType<typeof batchFrom> =>
    batchFrom({ n: ["long", n], s: ["string", n.map((one) => `row ${one}`)], p: ["string", n.map(() => "a b")] });
  await t.append(rows([1n, 2n]), { transaction: { appId: "job", version: 1 } });
  await t.append(rows([3n]));
  await t.delete({ where: { n: 1 } });
  await t.alter({ properties: { "delta.appendOnly": false } });
  const found = new Map<string, Uint8Array>();
  for await (const { key } of objects.list("")) found.set(key, await (await objects.get(key)).bytes());
  return found;
}

/** Everything one can ask of a table with these objects; the errors that Ashlar has names for are answers. */
async function ask(contents: ReadonlyMap<string, Uint8Array>): Promise<readonly unknown[]> {
  const objects: ObjectStore = memoryObjectStore();
  for (const [key, bytes] of contents) await objects.put(key, bytes);
  const t = await openLake({ objects, codec: hyparquet() }).table("t");
  const asked: (() => Promise<unknown>)[] = [
    () => rowsOf(t.scan()),
    () => rowsOf(t.scan({ where: { n: { gte: 2 }, p: "a b" } })),
    () => t.snapshot({ version: 1 }),
    () => t.history(),
    () => rowsOf(t.changes({ from: 0 })),
    () => t.vacuum({ dryRun: true }),
    () => t.append(batchFrom({ n: ["long", [9n]], s: ["string", ["x"]], p: ["string", ["b"]] })),
    () => t.checkpoint(),
  ];
  const answers: unknown[] = [];
  for (const question of asked) {
    try {
      answers.push(await question());
    } catch (error) {
      if (!isAshlarError(error)) throw error;
      answers.push(error.code);
    }
  }
  return answers;
}

const junk = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(-1, 1e300, "", "../../etc/passwd", "file:///etc/passwd", "%", "\0", [], {}, null, true),
);

type Paths = readonly (readonly (string | number)[])[];

function pathsWithin(value: unknown, at: readonly (string | number)[] = []): Paths {
  if (typeof value !== "object" || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([name, inner]) => pathsWithin(inner, [...at, name]))];
}

function replaced(value: unknown, [step, ...rest]: readonly (string | number)[], by: unknown): unknown {
  if (step === undefined) return by;
  const copy: Record<string, unknown> = { ...(value as Record<string, unknown>) };
  copy[step] = replaced(copy[step], rest, by);
  return Array.isArray(value) ? Object.values(copy) : copy;
}

describe("a log that was tampered with is answered with a named error or rows, never with a crash:", () => {
  it("any value of any action replaced by any other", async () => {
    const whole = await table();
    const property = fc.asyncProperty(fc.nat(last), fc.nat(), fc.nat(), junk, async (version, line, place, by) => {
      const key = entry(version);
      const lines = new TextDecoder().decode(whole.get(key)).trimEnd().split("\n");
      const actions = lines.map((text) => JSON.parse(text) as unknown);
      const action = actions[line % actions.length];
      const paths = pathsWithin(action);
      actions[line % actions.length] = replaced(action, paths[place % paths.length] ?? [], by);
      const text = actions.map((each) => JSON.stringify(each)).join("\n");
      expect(await ask(new Map([...whole, [key, new TextEncoder().encode(text)]]))).toHaveLength(questions);
    });
    await fc.assert(property, { numRuns: 400 });
  });

  it("any byte changed, or the end cut off", async () => {
    const whole = await table();
    const property = fc.asyncProperty(fc.nat(last), fc.nat(), fc.option(fc.nat(255)), async (version, at, by) => {
      const key = entry(version);
      const bytes = (whole.get(key) as Uint8Array).slice();
      if (by !== null) bytes[at % bytes.length] = by;
      expect(
        await ask(new Map([...whole, [key, by === null ? bytes.subarray(0, at % bytes.length) : bytes]])),
      ).toHaveLength(questions);
    });
    await fc.assert(property, { numRuns: 400 });
  });

  it("lines repeated, dropped and out of order", async () => {
    const whole = await table();
    const order = fc.array(fc.nat(9), { maxLength: 12 });
    const property = fc.asyncProperty(fc.nat(last), order, async (version, wanted) => {
      const key = entry(version);
      const lines = new TextDecoder().decode(whole.get(key)).trimEnd().split("\n");
      const text = wanted.map((line) => lines[line % lines.length]).join("\n");
      expect(await ask(new Map([...whole, [key, new TextEncoder().encode(text)]]))).toHaveLength(questions);
    });
    await fc.assert(property, { numRuns: 100 });
  });
});

describe("damage is named:", () => {
  const damaged = async (
    version: number,
    damage: (bytes: Uint8Array) => Uint8Array | undefined,
  ): Promise<readonly unknown[]> => {
    const contents = new Map(await table());
    const bytes = damage(contents.get(entry(version)) as Uint8Array);
    if (bytes === undefined) contents.delete(entry(version));
    else contents.set(entry(version), bytes);
    return ask(contents);
  };

  it("an entry that is missing between others", async () => {
    expect((await damaged(2, () => undefined))[0]).toBe("LOG_CORRUPT");
  });

  it("an entry that is not UTF-8", async () => {
    const broken = (bytes: Uint8Array): Uint8Array => bytes.with(bytes.indexOf("j".charCodeAt(0)), 0xff);
    expect((await damaged(1, broken))[0]).toBe("LOG_CORRUPT");
  });

  it("nesting without end", async () => {
    const text = `{"add":${"[".repeat(200_000)}${"]".repeat(200_000)}}`;
    expect((await damaged(1, () => new TextEncoder().encode(text)))[0]).toBe("LOG_CORRUPT");
  });

  it("but not what a writer left out by writing null", async () => {
    const nulls = (bytes: Uint8Array): Uint8Array => {
      const lines = new TextDecoder().decode(bytes).trimEnd().split("\n");
      const actions = lines.map((line) => JSON.parse(line) as Record<string, Record<string, unknown>>);
      for (const { metaData, add } of actions) {
        if (metaData) Object.assign(metaData, { createdTime: null, configuration: { "delta.appendOnly": null } });
        if (add) Object.assign(add, { tags: null, deletionVector: null });
      }
      return new TextEncoder().encode(actions.map((each) => JSON.stringify({ txn: null, ...each })).join("\n"));
    };
    const [rows] = await damaged(0, nulls);
    expect((rows as Record<string, unknown>[]).map(({ n }) => n).sort()).toEqual([2n, 3n]);
  });

  it("and what is whole stays as it was", async () => {
    const [rows] = await ask(await table());
    expect((rows as Record<string, unknown>[]).map(({ n }) => n).sort()).toEqual([2n, 3n]);
  });
});
