import { manualClock } from "@ashlar/core/memory";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  column,
  count,
  createFeatureStore,
  entity,
  featureLog,
  featureService,
  featureView,
  fromRows,
  memory,
  type OnlineStore,
  window,
} from "../index.ts";
import { lmdb } from "../online/lmdb.ts";
import { sqlite } from "../online/sqlite.ts";

const minute = 60_000;
const numbers = Array.from({ length: 300 }, (_, i) => i);
const entities = numbers.slice(0, 100).map((i) => ({ car: `car ${i}` }));
const rowsOf = (value: number) =>
  fromRows(
    "trips",
    numbers.map((i) => ({ id: `${i}`, car: `car ${i % 100}`, at: new Date(i * 1000), value, more: i })),
  );
const base = {
  name: "trips",
  entities: [entity({ name: "car", key: { car: "string" } })],
  source: rowsOf(1),
  eventTime: "at",
} as const;
const first = featureView({ ...base, ttl: "1d", features: { value: column("value"), rows: window("1h", count()) } });
const second = featureView({
  ...base,
  source: rowsOf(2),
  ttl: "2d",
  features: { value: column("value"), more: column("more"), rows: window("1h", count()) },
});
/** The same definition over a history that was corrected. */
const corrected = featureView({ ...base, source: rowsOf(3), ttl: "2d", features: second.features });
const until = 10 * minute;
const features = ["trips:value", "trips:more"] as const;

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "ashlar-backfill-"));
  onTestFinished(() => rm(made, { recursive: true, force: true }));
  return made;
}

/** Two stores over one online store, as two processes have it: each has its own idea of what serves. */
function stores(view: typeof second, online: OnlineStore, clock = manualClock(until)) {
  const make = () => createFeatureStore({ views: [view], previous: [first], online, clock });
  return { here: make(), there: make(), clock };
}

describe.each(["memory", "sqlite", "lmdb"])("a backfill on %s", (kind) => {
  async function open(): Promise<OnlineStore> {
    if (kind === "memory") return memory();
    const path = join(await folder(), "online");
    const online = kind === "lmdb" ? lmdb({ path }) : sqlite({ path });
    onTestFinished(() => online[Symbol.asyncDispose]());
    return online;
  }

  it("lets the old definition serve until one flip, and no read has a part of both", async () => {
    const online = await open();
    await createFeatureStore({ views: [first], online }).materialize(first, { until });
    const { here, there, clock } = stores(second, online);
    const before = await there.read({ entities, features });
    expect(before[0]?.["trips:value"].value).toBe(1);
    // The old definition knows nothing of it.
    expect(before[0]?.["trips:more"].status).toBe("NOT_FOUND");

    const done = new AbortController();
    const seen = new Set<string>();
    async function reader(): Promise<void> {
      while (!done.signal.aborted) {
        const rows = await there.read({ entities, features });
        const kinds = new Set(rows.map((row) => `${row["trips:value"].value} ${row["trips:more"].status}`));
        expect([...kinds]).toHaveLength(1);
        for (const each of kinds) seen.add(each);
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const reading = [reader(), reader()];
    const result = await here.backfill(second, { until, steps: 5 });
    expect(result).toMatchObject({ watermark: until, namespace: `trips@${second.version.slice(0, 16)}` });
    expect(result.written).toBeGreaterThanOrEqual(100);
    expect((await here.read({ entities, features }))[0]?.["trips:value"].value).toBe(2);
    clock.advance(1000);
    await there.read({ entities, features });
    await new Promise((resolve) => setTimeout(resolve, 20));
    done.abort();
    await Promise.all(reading);
    expect([...seen].sort()).toEqual(["1 NOT_FOUND", "2 PRESENT"]);
    const parity = await here.checkParity(second);
    expect(parity).toMatchObject({ different: 0, entities: 100 });
  });

  it("makes another copy when the same definition is backfilled again, and removes what serves no more", async () => {
    const online = await open();
    await createFeatureStore({ views: [first], online }).materialize(first, { until });
    const old = stores(second, online);
    await old.here.backfill(second, { until });
    const { here, clock } = stores(corrected, online, old.clock);
    expect(corrected.version).toBe(second.version);
    const service = featureService({ name: "pinned", views: [first], features: ["trips:value"] });
    const result = await here.backfill(corrected, { until });
    expect(result.namespace).toBe(`trips@${second.version.slice(0, 16)}.1`);
    expect((await here.read({ entities, features }))[7]?.["trips:value"].value).toBe(3);
    expect((await here.read({ entities, service }))[7]?.["trips:value"].value).toBe(1);

    const young = await here.removeRetired(corrected, { keep: [service] });
    expect([young.removed.length, young.kept.length]).toEqual([0, 2]);
    clock.advance(61_000);
    const copy = { version: second.version.slice(0, 16), generation: 0 };
    expect((await here.removeRetired(corrected, { keep: [service] })).removed).toEqual([copy]);
    expect(await online.watermark(`trips@${copy.version}`)).toBeUndefined();
    expect((await here.read({ entities, service }))[7]?.["trips:value"].value).toBe(1);
    expect((await here.removeRetired(corrected)).removed).toEqual([
      { version: first.version.slice(0, 16), generation: 0 },
    ]);
    expect((await here.read({ entities, service }))[7]?.["trips:value"].status).toBe("NOT_FOUND");
    expect(await here.removeRetired(corrected)).toEqual({ removed: [], kept: [] });
    // A third one takes a number of its own, and steps go on in it.
    expect((await here.backfill(corrected)).namespace).toMatch(/\.2$/);
    expect(await here.materialize(corrected, { until: until + 70_000 })).toMatchObject({ watermark: until + 70_000 });
    expect(await here.watermark(corrected)).toBe(until + 70_000);
  });
});

describe("a backfill", () => {
  it("is told from one that began after it, and leaves what serves", async () => {
    const online = memory();
    await createFeatureStore({ views: [first], online }).materialize(first, { until });
    const { here } = stores(second, online);
    let write = (): void => undefined;
    const waiting = new Promise<void>((resolve) => (write = resolve));
    const slow: OnlineStore = {
      ...online,
      write: async (namespace, entries, options) => {
        await waiting;
        await online.write(namespace, entries, options);
      },
    };
    const behind = createFeatureStore({ views: [second], previous: [first], online: slow, clock: manualClock(until) });
    const lost = behind.backfill(second, { until });
    await new Promise((resolve) => setTimeout(resolve, 5));
    // Of another definition of the view: its copy is the one that is to serve.
    const third = featureView({ ...base, source: rowsOf(4), ttl: "3d", features: second.features });
    const winner = createFeatureStore({ views: [third], previous: [second, first], online, clock: manualClock(until) });
    await winner.backfill(third, { until });
    write();
    await expect(lost).rejects.toMatchObject({ code: "BACKFILL_SUPERSEDED" });
    expect((await winner.read({ entities, features }))[0]?.["trips:value"].value).toBe(4);
    expect((await winner.removeRetired(third, { graceMs: 0 })).removed).toHaveLength(2);
    // One of the same definition joins in instead: both write the same copy.
    const both = await Promise.all([here.backfill(second), here.backfill(second)]);
    expect(new Set(both.map(({ namespace }) => namespace)).size).toBe(1);
  });

  it("goes on with the copy that was begun, from the last step that was done", async () => {
    const online = memory();
    await createFeatureStore({ views: [first], online }).materialize(first, { until });
    let writes = 0;
    const breaking: OnlineStore = {
      ...online,
      write: async (namespace, entries, options) => {
        if (++writes === 5) throw new Error("the connection was dropped");
        await online.write(namespace, entries, options);
      },
    };
    const store = createFeatureStore({
      views: [second],
      previous: [first],
      online: breaking,
      clock: manualClock(until),
    });
    await expect(store.backfill(second, { until, steps: 6 })).rejects.toThrow("dropped");
    expect((await store.read({ entities, features }))[0]?.["trips:value"].value).toBe(1);
    const reached = await online.watermark(`trips@${second.version.slice(0, 16)}`);
    expect(reached).toBeGreaterThan(0);
    await store.backfill(second, { until, steps: 6 });
    expect((await store.read({ entities, features })).every((row) => row["trips:value"].value === 2)).toBe(true);
    expect((await store.checkParity(second)).different).toBe(0);
  });

  it("goes back to an older definition by what changed since, or anew", async () => {
    const online = memory();
    const clock = manualClock(until);
    const older = createFeatureStore({ views: [first], online, clock });
    await older.materialize(first, { until: 100_000 });
    const { here } = stores(second, online, clock);
    await here.backfill(second, { until: 200_000 });
    const newer = createFeatureStore({ views: [first], previous: [second], online, clock });
    expect((await newer.read({ entities, features: ["trips:value"] }))[0]?.["trips:value"].value).toBe(2);
    const back = await newer.backfill(first, { until: 250_000, steps: 1 });
    // Entities of which a row came between 100 and 250 seconds.
    expect(back).toMatchObject({ written: 100, namespace: `trips@${first.version.slice(0, 16)}` });
    expect((await newer.read({ entities, features: ["trips:value"] }))[0]?.["trips:value"].value).toBe(1);
    expect((await newer.checkParity(first)).different).toBe(0);
    const again = await here.backfill(second, { until: 250_000, fresh: true });
    expect(again.namespace).toBe(`trips@${second.version.slice(0, 16)}.1`);
    const copies = await here.removeRetired(second, { graceMs: 0 });
    expect(copies.removed).toEqual([
      { version: second.version.slice(0, 16), generation: 0 },
      { version: first.version.slice(0, 16), generation: 0 },
    ]);
    // The older copy is gone, and is written anew when it is wanted.
    const anew = await newer.backfill(first, { until: 250_000 });
    expect(anew.written).toBeGreaterThanOrEqual(100);
    expect((await newer.checkParity(first)).different).toBe(0);
  });

  it("takes no copy that is being removed", async () => {
    const online = memory();
    const clock = manualClock(until);
    await createFeatureStore({ views: [first], online, clock }).materialize(first, { until });
    const { here } = stores(second, online, clock);
    await here.backfill(second, { until });
    const breaking: OnlineStore = { ...online, clear: () => Promise.reject(new Error("cut off")) };
    const half = createFeatureStore({ views: [second], previous: [first], online: breaking, clock });
    await expect(half.removeRetired(second, { graceMs: 0 })).rejects.toThrow("cut off");
    const back = createFeatureStore({ views: [first], online, clock });
    expect((await back.backfill(first, { until })).namespace).toMatch(/\.1$/);
    const { removed } = await here.removeRetired(second);
    expect(removed).toEqual([{ version: first.version.slice(0, 16), generation: 0 }]);
    expect((await back.read({ entities, features: ["trips:value"] }))[9]?.["trips:value"].value).toBe(1);
  });

  it("stops a materialiser whose copy was replaced, and no row is lost", async () => {
    const online = memory();
    const { here, there } = stores(second, online);
    await here.backfill(second, { until: 2 * minute });
    const stepper = await there.materializer(second);
    await stepper.advance(3 * minute);
    await here.backfill(second, { until: 3 * minute });
    await expect(stepper.advance(4 * minute)).rejects.toMatchObject({ code: "MATERIALIZE_INVALID" });
    await (await there.materializer(second)).advance(until);
    expect((await here.checkParity(second, { at: until })).different).toBe(0);
  });

  it("leaves out entities of which nothing changed since", async () => {
    const { here } = stores(second, memory());
    const result = await here.backfill(second, { since: 250_000, until: 290_000 });
    expect(result.written).toBeGreaterThan(0);
    const rows = await here.read({ entities, features, at: 290_000 });
    expect(rows.filter((row) => row["trips:value"].status === "PRESENT").length).toBeLessThan(100);
    expect(rows[60]?.["trips:more"].value).toBe(260);
  });

  it("refuses what cannot be, before anything is written", async () => {
    const online = memory();
    const { here } = stores(second, online);
    const invalid = { code: "MATERIALIZE_INVALID" };
    await expect(here.backfill(second, { until: 1.5 })).rejects.toMatchObject(invalid);
    await expect(here.backfill(second, { since: 5, until: 4 })).rejects.toMatchObject(invalid);
    await expect(here.backfill(second, { steps: 0 })).rejects.toMatchObject(invalid);
    await expect(here.removeRetired(second, { graceMs: -1 })).rejects.toMatchObject(invalid);
    await expect(here.backfill(first as never)).rejects.toMatchObject(invalid);
    await here.backfill(second, { until });
    await expect(here.backfill(second, { until: until - 1 })).rejects.toMatchObject(invalid);
    await expect(here.backfill(second, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: "AbortError" });

    const pushed = featureView({ ...base, ttl: "1d", push: { id: "id" }, features: { rows: window("1h", count()) } });
    const store = createFeatureStore({
      views: [pushed],
      previous: [first],
      online: memory(),
      clock: manualClock(until),
    });
    await store.backfill(pushed, { until });
    expect((await store.read({ entities, features: ["trips:rows"] }))[3]?.["trips:rows"].value).toBe(3);
    await expect(store.backfill(pushed, { until })).rejects.toMatchObject(invalid);
  });

  it("has logs that tell by which definition was served", async () => {
    const online = memory();
    await createFeatureStore({ views: [first], online }).materialize(first, { until });
    const sink = { append: async () => undefined };
    const logs = [first, second].map((view) => featureLog({ views: [view], features: ["trips:value"], sink }));
    const clock = manualClock(until);
    const store = createFeatureStore({ views: [second], previous: [first], online, logs, clock });
    await store.read({ entities: entities.slice(0, 2), features: ["trips:value"] });
    expect(logs.map((log) => log.counts().waiting)).toEqual([2, 0]);
    await store.backfill(second, { until });
    await store.read({ entities: entities.slice(0, 3), features: ["trips:value"] });
    expect(logs.map((log) => log.counts().waiting)).toEqual([2, 3]);
    await store[Symbol.asyncDispose]();
  });
});
