import { manualClock } from "@ashlar/core/memory";
import type { RecordBatch } from "apache-arrow";
import { describe, expect, it } from "vitest";
import {
  column,
  count,
  createFeatureStore,
  entity,
  type FeatureLogSink,
  featureLog,
  featureService,
  featureView,
  fromTable,
  onDemand,
  window,
} from "../index.ts";
import { arrowTable } from "../testing/tables.ts";

const second = 1_000_000;
const users = arrowTable({
  user: ["int64", [1n, 2n]],
  at: ["timestamp", [10 * second, 20 * second]],
  country: ["string", ["PT", null]],
  big: ["int64", [9_007_199_254_740_993n, 7n]],
});
const base = {
  entities: [entity({ name: "user", key: { user: "int64" } })],
  source: fromTable("users", users),
  eventTime: "at",
  ttl: "1h",
} as const;
const features = { country: column("country", "string"), big: column("big", "int64"), seen: window("1h", count()) };
const people = featureView({ ...base, name: "people", features });
const newer = featureView({ ...base, name: "people", ttl: "2h", features });
const basket = onDemand({
  name: "basket",
  input: { items: "int32", at: "timestamp" },
  output: { heavy: "boolean" },
  compute: ({ items }) => ({ heavy: items > 10 }),
});
const views = [people, basket] as const;
const at = 60_000;
const clock = manualClock(at);

/** Keeps the rows of each transaction once, as a lake table does. */
function keeper(fail: (attempt: number) => "before" | "after" | undefined = () => undefined) {
  const kept = new Map<string, Record<string, unknown>[]>();
  let attempt = 0;
  const sink: FeatureLogSink = {
    async append(batch, { transaction }) {
      const failure = fail(++attempt);
      if (failure === "before") throw new Error("the lake is away");
      kept.set(`${transaction.appId} ${transaction.version}`, rowsOf(batch));
      if (failure === "after") throw new Error("the answer was lost");
    },
  };
  return { sink, attempts: () => attempt, rows: () => [...kept.values()].flat() };
}

const rowsOf = (batch: RecordBatch): Record<string, unknown>[] =>
  batch.toArray().map((row) => (row as { toJSON(): Record<string, unknown> }).toJSON());

describe("a feature log", () => {
  it("is waited for by reads where it is asked to, which share an append, and fails none", async () => {
    const { sink, rows, attempts } = keeper((attempt) => (attempt === 1 ? undefined : "before"));
    const log = featureLog({ views, features: ["people:*"], sink, sync: true, tries: 1 });
    const store = createFeatureStore({ views, clock, logs: [log] });
    await store.materialize(people, { until: at });
    const read = () => store.read({ entities: [{ user: 1 }], features: ["people:country"] });
    await Promise.all([read(), read(), read()]);
    expect(rows()).toHaveLength(3);
    expect(attempts()).toBe(1);
    // What the sink refuses is given up, as ever.
    expect(await store.readColumns({ entities: [{ user: 1 }], features: ["people:country"] })).toMatchObject({
      length: 1,
    });
    expect(log.counts()).toMatchObject({ logged: 3, failed: 1, waiting: 0 });
  });

  it("has a row per entity with request, time, keys, inputs, and each value with its status and age", async () => {
    const { sink, rows } = keeper();
    const log = featureLog({ views, features: ["people:*", "basket:heavy"], sink });
    const store = createFeatureStore({ views, clock, logs: [log] });
    await store.materialize(people, { until: at });
    const entities = [
      { user: 1, items: 11 },
      { user: 3n, items: null },
    ];
    await store.read({ entities, features: ["people:country", "people:big", "basket:*"], requestId: "read 1" });
    // The row of a read belongs to the caller again.
    (entities[0] as { user: number }).user = 99;
    await log.flush();
    const [first, second_] = rows();
    expect(first).toMatchObject({
      request_id: "read 1",
      request_row: 0,
      served_at: at,
      definition: log.definition,
      user: 1n,
      items: 11,
      at,
      "people:country": "PT",
      "people:country@status": "PRESENT",
      "people:country@age_ms": 50_000,
      "people:big": 9_007_199_254_740_993n,
      "basket:heavy": true,
      // It was not asked for.
      "people:seen": null,
      "people:seen@status": null,
    });
    expect(second_).toMatchObject({
      request_row: 1,
      user: 3n,
      items: null,
      "people:country": null,
      "people:country@status": "NOT_FOUND",
      "people:country@age_ms": null,
      "basket:heavy@status": "NULL",
    });
    expect(log.counts()).toEqual({ logged: 2, waiting: 0, dropped: 0, failed: 0, notSampled: 0 });
  });

  it("notes reads over HTTP by the id of the request, and what waits when the store is disposed", async () => {
    const { sink, rows } = keeper();
    const log = featureLog({ views, features: ["people:seen"], sink });
    const store = createFeatureStore({ views, clock, logs: [log] });
    const body = JSON.stringify({ entities: [{ user: 1 }], features: ["people:seen"] });
    const headers = { "x-request-id": "from the client" };
    const answer = await store.handler()(new Request("http://features/read", { method: "POST", body, headers }));
    expect(answer.headers.get("x-request-id")).toBe("from the client");
    expect(log.counts().waiting).toBe(1);
    await store[Symbol.asyncDispose]();
    expect(rows()).toMatchObject([{ request_id: "from the client", "people:seen@status": "NOT_FOUND" }]);
  });

  it("keeps reads by the versions it was made for, whoever asks", async () => {
    const { sink, rows } = keeper();
    const service = featureService({ name: "ranking", views: [people], features: ["people:country"] });
    const log = featureLog({ service, sink });
    const store = createFeatureStore({ views: [newer], clock, logs: [log] });
    await store.read({ entities: [{ user: 1 }], features: ["people:country"], requestId: "newer" });
    await store.read({ entities: [{ user: 1 }], service, requestId: "pinned" });
    await log.flush();
    expect(log.definition).toBe(service.version);
    expect(rows().map((row) => row["request_id"])).toEqual(["pinned"]);
  });

  it("drops and counts what a sink that hangs leaves no room for, and no read waits or fails", async () => {
    let release = (): void => undefined;
    const hanging = new Promise<void>((resolve) => (release = resolve));
    const sink: FeatureLogSink = { append: () => hanging };
    const log = featureLog({ views, features: ["people:*"], sink, maxRows: 5, batchRows: 2 });
    const store = createFeatureStore({ views, clock, logs: [log] });
    for (let i = 0; i < 4; i++) {
      const entities = [{ user: 1 }, { user: 2 }, { user: 3 }];
      const answered = await store.read({ entities, features: ["people:*"] });
      expect(answered).toHaveLength(3);
    }
    expect(log.counts()).toMatchObject({ logged: 0, waiting: 5, dropped: 7 });
    release();
    await log.flush();
    expect(log.counts()).toMatchObject({ logged: 5, waiting: 0, dropped: 7 });
  });

  it("holds no more of what is read by than it may, however few the rows", async () => {
    const note = onDemand({
      name: "note",
      input: { text: "string" },
      output: { long: "boolean" },
      compute: () => ({ long: true }),
    });
    const kept = keeper();
    const log = featureLog({ views: [note], features: ["note:long"], sink: kept.sink, maxTextLength: 1_000 });
    const store = createFeatureStore({ views: [note], clock, logs: [log] });
    const read = (): Promise<unknown> =>
      store.read({
        entities: [{ text: "x".repeat(600) }, { text: "y".repeat(600) }, { text: "z" }],
        features: ["note:long"],
      });
    await read();
    expect(log.counts()).toMatchObject({ dropped: 1 });
    await log.flush();
    expect(log.counts()).toMatchObject({ logged: 2, waiting: 0, dropped: 1 });
    await read();
    await log.flush();
    expect(log.counts()).toMatchObject({ logged: 4, dropped: 2 });
  });

  it("tries a batch again, once more in a sink that keeps transactions, and gives it up in the end", async () => {
    const lost = keeper((attempt) => (attempt === 1 ? "before" : attempt === 2 ? "after" : undefined));
    const log = featureLog({ views, features: ["people:*"], sink: lost.sink });
    const away = keeper(() => "before");
    const other = featureLog({ views, features: ["people:*"], sink: away.sink, tries: 2 });
    const store = createFeatureStore({ views, clock, logs: [log, other] });
    await store.read({ entities: [{ user: 1 }], features: ["people:*"] });
    await store[Symbol.asyncDispose]();
    expect([lost.attempts(), lost.rows().length, log.counts().logged]).toEqual([3, 1, 1]);
    expect([away.attempts(), other.counts()]).toMatchObject([2, { logged: 0, waiting: 0, failed: 1 }]);
    // What is served after dispose is counted, and has nowhere to go.
    log.record({
      requestId: "x",
      at,
      views,
      entities: [{ user: 1 }],
      features: ["people:seen"],
      rows: () => [{ "people:seen": reading }],
    });
    expect(log.counts().dropped).toBe(1);
  });

  it("gives a sink up that hangs, so that the store can be disposed", async () => {
    const signals: AbortSignal[] = [];
    const sink: FeatureLogSink = {
      append: (_, { signal }) => new Promise(() => void signals.push(signal)),
    };
    const log = featureLog({ views, features: ["people:*"], sink, appendMs: 5, tries: 2 });
    const store = createFeatureStore({ views, clock, logs: [log] });
    await store.read({ entities: [{ user: 1 }], features: ["people:*"] });
    await store[Symbol.asyncDispose]();
    expect(log.counts()).toMatchObject({ logged: 0, waiting: 0, failed: 1 });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  });

  it("keeps a share of the reads, the same ones for the same ids", async () => {
    const { sink } = keeper();
    const log = featureLog({ views, features: ["people:seen"], sink, sample: 0.25 });
    const record = (id: number): void =>
      log.record({
        requestId: `${id}`,
        at,
        views,
        entities: [{ user: 1 }],
        features: ["people:seen"],
        rows: () => [{ "people:seen": reading }],
      });
    for (let i = 0; i < 4000; i++) record(i);
    const { waiting, notSampled } = log.counts();
    expect(waiting + notSampled).toBe(4000);
    expect(waiting).toBeGreaterThan(850);
    expect(waiting).toBeLessThan(1150);
    for (let i = 0; i < 4000; i++) record(i);
    expect(log.counts().notSampled).toBe(2 * notSampled);
    await log[Symbol.asyncDispose]();
  });

  it("refuses keys it has columns for, and numbers out of range", () => {
    const { sink } = keeper();
    const view = featureView({
      ...base,
      name: "v",
      entities: [entity({ name: "call", key: { request_id: "string" } })],
      features,
    });
    const invalid = expect.objectContaining({ code: "DEFINITION_INVALID" }) as unknown;
    expect(() => featureLog({ views: [view], features: ["v:*"], sink })).toThrow(invalid);
    const other = onDemand({
      name: "other",
      input: { user: "string" },
      output: { n: "int32" },
      compute: () => ({ n: 1 }),
    });
    expect(() => featureLog({ views: [people, other], features: ["people:*", "other:n"], sink })).toThrow(invalid);
    // @ts-expect-error -- there is no such feature
    expect(() => featureLog({ views, features: ["people:none"], sink })).toThrow(
      expect.objectContaining({ code: "FEATURE_UNKNOWN" }),
    );
    for (const wrong of [{ sample: 1.5 }, { maxRows: 0 }, { batchRows: 0.5 }, { flushMs: -1 }, { tries: 0 }]) {
      expect(() => featureLog({ views, features: ["people:*"], sink, ...wrong })).toThrow(
        expect.objectContaining({ code: "REQUEST_INVALID" }),
      );
    }
  });
});

const reading = { status: "PRESENT", value: 1, ageMs: 0 } as const;
