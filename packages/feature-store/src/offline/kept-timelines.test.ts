import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { column } from "../define/column.ts";
import { entity } from "../define/entity.ts";
import { featureView } from "../define/feature-view.ts";
import { sum, window } from "../define/window.ts";
import { fromTable, type TableSource } from "../source/table-source.ts";
import { createFeatureStore } from "../store.ts";
import { arrowTable } from "../testing/tables.ts";
import { arrow } from "./arrow.ts";
import { duckdb } from "./duckdb.ts";
import { KeptTimelines } from "./kept-timelines.ts";
import type { OfflineEngine } from "./port.ts";

interface Row {
  readonly id: string | null;
  readonly event: number;
  readonly known: number | null;
  readonly value: number | null;
}

const tableOf = (rows: readonly Row[]) =>
  arrowTable({
    id: ["string", rows.map(({ id }) => id)],
    event: ["timestamp", rows.map(({ event }) => event)],
    known: ["timestamp", rows.map(({ known }) => known)],
    value: ["float64", rows.map(({ value }) => value)],
    text: ["string", rows.map(({ value }) => (value === null ? null : `is ${value}`))],
  });

/** A table that grows; its fingerprint is how many rows it has. */
class GrowingTable {
  readonly rows: Row[] = [];
  scans = 0;

  source(appends = true): TableSource {
    const scan = (from: number): TableSource["scan"] =>
      async function* (this: GrowingTable) {
        this.scans++;
        yield* tableOf(this.rows.slice(from)).batches;
      }.bind(this);
    const part = (from: number): TableSource => ({ name: "growing", scan: scan(from) });
    return {
      ...part(0),
      fingerprint: async () => String(this.rows.length),
      ...(appends ? { appendedSince: async (fingerprint: string) => part(Number(fingerprint)) } : {}),
    };
  }
}

const viewOf = (source: TableSource) =>
  featureView({
    name: "v",
    entities: [entity({ name: "thing", key: { id: "string" } })],
    source,
    eventTime: "event",
    knownAt: "known",
    ttl: "5s",
    features: { last: column("value"), text: column("text", "string"), sum: window("3s", sum("value")) },
  });

const labels = arrowTable({
  id: ["string", ["a", "b", "c", "a", "b", null, "c", "a"]],
  at: ["timestamp", [1, 2, 3, 4, 5, 6, 7, 8].map((second) => second * 1_000_000)],
});
const request = { labels, time: "at", features: ["v:*"] } as const;
/** Plain features, which both engines keep. */
const plain = { ...request, features: ["v:last", "v:text"] } as const;
const seconds = fc.integer({ min: 0, max: 8 }).map((second) => second * 1_000_000);
const rowOf = fc.record({
  id: fc.constantFrom("a", "b", "c", null),
  event: seconds,
  known: fc.option(seconds),
  value: fc.option(fc.integer({ min: 0, max: 5 })),
});

type Make = (options?: { keepBytes?: number }) => OfflineEngine;
const engines: readonly (readonly [string, Make, number, readonly (typeof request | typeof plain)[]])[] = [
  ["arrow()", arrow, 60, [request]],
  ["duckdb()", (options) => duckdb({ threads: 1, ...options }), 6, [plain]],
];

describe.each(engines)("a timeline kept by %s", (_, engine, numRuns, requests) => {
  it("that is extended commit by commit is the one of all rows together", async () => {
    const proof = fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(rowOf, { maxLength: 12 }), { minLength: 1, maxLength: 5 }),
        async (commits) => {
          await using offline = disposed(engine());
          const table = new GrowingTable();
          const store = createFeatureStore({ views: [viewOf(table.source())], offline });
          for (const commit of commits) {
            table.rows.push(...commit);
            const fresh = createFeatureStore({
              views: [viewOf(fromTable("all", tableOf(table.rows)))],
              offline: arrow(),
            });
            for (const options of [{}, { strict: true }, { knownAt: false }]) {
              for (const asked of requests) {
                const [kept, made] = [store, fresh].map((each) => each.trainingSet({ ...asked, ...options }));
                expect((await kept)?.digest).toBe((await made)?.digest);
              }
            }
          }
        },
      ),
      { numRuns },
    );
    await expect(proof).resolves.toBeUndefined();
  }, 60_000);

  it("spares the source of one version a second scan, and a version with more rows all but those", async () => {
    const table = new GrowingTable();
    const one: Row = { id: "a", event: 0, known: 0, value: 1 };
    table.rows.push(one);
    for (const [appends, keepBytes, wanted] of [
      [true, undefined, [1, 1, 2]],
      [false, undefined, [1, 1, 2]],
      [true, 0, [1, 2, 3]],
      // Room for none: each goes before the next.
      [true, 1, [1, 2, 3]],
    ] as const) {
      table.scans = 0;
      await using offline = disposed(engine(keepBytes === undefined ? {} : { keepBytes }));
      const store = createFeatureStore({ views: [viewOf(table.source(appends))], offline });
      const scans: number[] = [];
      for (const more of [[], [], [one]]) {
        table.rows.push(...more);
        await store.trainingSet(plain);
        scans.push(table.scans);
      }
      expect(scans).toEqual(wanted);
    }
  });

  it("is not kept of a source that changed while it was read", async () => {
    const table = new GrowingTable();
    table.rows.push({ id: "a", event: 0, known: 0, value: 1 });
    let version = 0;
    const source = { ...table.source(), fingerprint: async () => String(version++) };
    const store = createFeatureStore({ views: [viewOf(source)], offline: arrow() });
    await store.trainingSet(request);
    await store.trainingSet(request);
    expect(table.scans).toBe(2);
  });

  it("is made once for joins that ask at the same time, and again after one that failed", async () => {
    const table = new GrowingTable();
    table.rows.push({ id: "a", event: 0, known: 0, value: 1 });
    let down = true;
    const up = table.source();
    const source: TableSource = {
      ...up,
      scan: (options) => {
        if (down) throw new Error("the lake is away");
        return up.scan(options);
      },
    };
    await using offline = disposed(engine());
    const store = createFeatureStore({ views: [viewOf(source)], offline });
    await expect(store.trainingSet(plain)).rejects.toThrow("the lake is away");
    down = false;
    const sets = await Promise.all([store.trainingSet(plain), store.trainingSet(plain)]);
    expect(new Set(sets.map(({ digest }) => digest)).size).toBe(1);
    expect(table.scans).toBe(1);
  });

  it("serves joins that began before it was extended, and is made anew after dispose", async () => {
    const table = new GrowingTable();
    table.rows.push({ id: "a", event: 0, known: 0, value: 1 });
    await using offline = disposed(engine());
    const store = createFeatureStore({ views: [viewOf(table.source())], offline });
    const digests: string[] = [];
    for (let commit = 0; commit < 4; commit++) {
      table.rows.push({ id: "b", event: commit * 1_000_000, known: 0, value: commit });
      const [set, again] = await Promise.all([store.trainingSet(plain), store.trainingSet(plain)]);
      expect(again.digest).toBe(set.digest);
      digests.push(set.digest);
      await offline[Symbol.asyncDispose]();
    }
    expect(new Set(digests).size).toBe(4);
    expect(table.scans).toBe(4);
  });
});

/** The engine, disposed at the end of a block. */
function disposed(engine: OfflineEngine): OfflineEngine & AsyncDisposable {
  return { ...engine, [Symbol.asyncDispose]: async () => engine[Symbol.asyncDispose]?.() };
}

describe("what is kept", () => {
  /** Notes when it may go: retired, and let go of by all. */
  class Noted {
    readonly bytes = 10;
    gone = false;
    #held = 0;
    #retired = false;

    hold(): void {
      if (this.gone) throw new Error("given after it went");
      this.#held++;
    }
    async release(): Promise<void> {
      this.#held--;
      this.#settle();
    }
    retire(): void {
      this.#retired = true;
      this.#settle();
    }
    #settle(): void {
      this.gone = this.#retired && this.#held === 0;
    }
  }

  it("goes when it has made room and the last join lets go of it, not while it is extended", async () => {
    const kept = new KeptTimelines<Noted>(15);
    let version = 0;
    const growing: TableSource = { ...fromTable("a", labels), fingerprint: async () => String(version) };
    const other = fromTable("b", labels);
    const simple = { build: async () => new Noted(), extend: async () => undefined };
    const first = await kept.get(growing, "x", simple);
    version = 1;
    const next = await kept.get(growing, "x", {
      build: simple.build,
      async extend(earlier) {
        await earlier.release();
        await (await kept.get(other, "x", simple)).release();
        expect(earlier.gone).toBe(false);
        return new Noted();
      },
    });
    expect([first.gone, next.gone]).toEqual([true, false]);
    await next.release();
    expect(next.gone).toBe(false);
    kept.clear();
    expect(next.gone).toBe(true);
  });
});
