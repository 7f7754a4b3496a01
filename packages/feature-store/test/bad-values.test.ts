import { tableFromIPC } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { isAshlarError } from "@ashlar/core";
import {
  arrowStream,
  column,
  count,
  createFeatureStore,
  entity,
  featureView,
  fromRows,
  memory,
  onDemand,
  type PushEvent,
  type TrainingManifest,
  window,
} from "../src/index.ts";
import { arrowTable } from "../src/testing/tables.ts";

const at = new Date("2001-06-01T00:00:00Z");
const base = { entities: [entity({ name: "user", key: { id: "string" } })], eventTime: "at", ttl: "1d" } as const;
const source = fromRows("rows", [{ id: "a", at, n: 1 }]);
const view = featureView({ ...base, name: "v", source, features: { n: column("n"), rows: window("1d", count()) } });
const labels = fromRows("labels", [{ id: "a", time: at }]);
const store = createFeatureStore({ views: [view] });

/** What plain JavaScript, or JSON, may hand over. */
const untyped = <Wanted = never>(value: unknown): Wanted => value as Wanted;

async function codeOf(act: () => unknown): Promise<string> {
  try {
    await act();
  } catch (error) {
    if (isAshlarError(error)) return error.code;
    throw error;
  }
  return "none";
}

describe("rows that no column can hold", () => {
  it.each([
    ["an integer of more than 64 bits", 2n ** 70n, "VALUE_OUT_OF_RANGE"],
    ["a Date without a time", new Date(Number.NaN), "TIMESTAMP_INVALID"],
    ["an object", {}, "COLUMN_TYPE_MISMATCH"],
    ["a list", [1, 2], "COLUMN_TYPE_MISMATCH"],
    ["a symbol", Symbol("x"), "COLUMN_TYPE_MISMATCH"],
  ])("are refused: %s", async (_, cell, code) => {
    expect(await codeOf(() => fromRows("rows", [{ a: untyped(cell) }]))).toBe(code);
  });

  it("may be none: then they have no columns that could be missing", async () => {
    const none = fromRows("none", []);
    const over = featureView({ ...base, name: "v", source: none, features: view.features });
    const empty = createFeatureStore({ views: [over] });
    expect((await empty.trainingSet({ labels, features: ["v:*"] })).row(0)).toEqual({ "v:n": null, "v:rows": null });
    expect(await empty.materialize(over, { until: 1 })).toEqual({ written: 0, watermark: 1 });
    expect(await store.trainingSet({ labels: none, features: ["v:*"] })).toMatchObject({ rows: 0 });
  });
});

describe("a moment that is none", () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY])("is refused by reads: %d", async (moment) => {
    const ask = { entities: [{ id: "a" }], features: ["v:*"], at: moment } as const;
    expect(await codeOf(() => store.read(ask))).toBe("REQUEST_INVALID");
    expect(await codeOf(() => store.readColumns(ask))).toBe("REQUEST_INVALID");
  });

  it("is refused as the beginning of what is materialised", async () => {
    for (const from of [Number.NaN, 0.5, Number.POSITIVE_INFINITY]) {
      expect(await codeOf(() => store.materialize(view, { from, until: 10 }))).toBe("MATERIALIZE_INVALID");
      expect(await codeOf(() => store.materializer(view, { from }))).toBe("MATERIALIZE_INVALID");
    }
  });
});

describe("a function that is no transform", () => {
  it.each([
    [
      "throws nothing",
      () => {
        // oxlint-disable-next-line no-throw-literal -- others' code may
        throw null;
      },
    ],
    ["returns null", () => null],
    ["returns nothing", () => undefined],
    ["returns a promise", async () => ({ y: 1 })],
    ["returns an object that has no text", () => ({ y: { toString: 1 } })],
  ])("is named when it %s", async (_, compute) => {
    const odd = onDemand({ name: "odd", input: { x: "float64" }, output: { y: "float64" }, compute: untyped(compute) });
    const read = () => createFeatureStore({ views: [odd] }).read({ entities: [{ x: 1 }], features: ["odd:y"] });
    expect(await codeOf(read)).toBe("ON_DEMAND_FAILED");
  });
});

it("refuses events that are no objects, and keys of more than 64 bits", async () => {
  const pushed = featureView({
    ...base,
    name: "pushed",
    entities: [entity({ name: "number", key: { id: "int64" } })],
    source: fromRows("events", []),
    push: { id: "event" },
    features: { rows: window("1h", count()) },
  });
  const online = createFeatureStore({ views: [pushed], online: memory() });
  for (const event of [null, 5, "x"]) {
    expect(await codeOf(() => online.push(pushed, [untyped(event)]))).toBe("PUSH_INVALID");
  }
  const event: PushEvent = { event: "1", id: 2n ** 64n, at: new Date() };
  expect(await codeOf(() => online.push(pushed, [event]))).toBe("PUSH_INVALID");
  const read = () => online.read({ entities: [{ id: 2n ** 64n }], features: ["pushed:rows"] });
  expect(await codeOf(read)).toBe("ENTITY_KEY_INVALID");
});

it("refuses an aggregate without a window, and options that are none", async () => {
  const define = () => featureView({ ...base, name: "v", source, features: { rows: untyped(count()) } });
  expect(await codeOf(define)).toBe("DEFINITION_INVALID");
  for (const options of [{ onTie: "first" }, { output: { float: "float16" } }, { output: { integer: "text" } }]) {
    const make = () => store.trainingSet({ labels, features: ["v:n"], ...untyped<object>(options) });
    expect(await codeOf(make)).toBe("DEFINITION_INVALID");
  }
});

it.each(["null", "5", "{}", '{"digest":"x","options":{}}'])("replays no manifest that is %s", async (text) => {
  const manifest = JSON.parse(text) as TrainingManifest;
  expect(await codeOf(() => store.replay(manifest, { labels }))).toBe("REPLAY_MISMATCH");
});

describe("a sink", () => {
  it.each([0, 1])("that is content with %d batches is told that it has not all", async (taken) => {
    const many = fromRows("labels", [
      { id: "a", time: at },
      { id: "b", time: at },
    ]);
    async function append(batches: AsyncIterable<unknown>): Promise<void> {
      let left = taken;
      if (left > 0) for await (const _ of batches) if (--left === 0) return;
    }
    const write = () => store.writeTrainingSet({ labels: many, features: ["v:n"], to: { append } });
    expect(await codeOf(write)).toBe("SINK_ENDED_EARLY");
  });

  it("has the columns of a set without rows", async () => {
    const none = arrowTable({ id: ["string", []], time: ["timestamp", []] });
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const read = tableFromIPC(readable);
    const { rows } = await store.writeTrainingSet({ labels: none, features: ["v:n"], to: arrowStream(writable) });
    const table = await read;
    expect([rows, table.numRows, table.schema.names]).toEqual([0, 0, ["id", "time", "v:n"]]);
    const set = await store.trainingSet({ labels: none, features: ["v:n"] });
    expect((await set.table()).schema.names).toEqual(["id", "time", "v:n"]);
  });
});
