import type { Authorizer } from "@ashlar/core";
import { allowList, manualClock } from "@ashlar/core/memory";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  column,
  createFeatureStore,
  entity,
  featureService,
  featureView,
  fromTable,
  mean,
  onDemand,
  type View,
  window,
} from "../index.ts";
import { arrowTable } from "../testing/tables.ts";
import { contentHash } from "../define/content-hash.ts";
import type { TrainingManifest } from "../training/manifest.ts";
import { createFeatureRegistry, type FeatureRegistry, sqlite } from "./index.ts";

const hour = 3_600_000;
const airport = entity({ name: "airport", key: { origin: "string" } });
const flights = arrowTable({
  origin: ["string", ["JFK", "SFO"]],
  at: ["timestamp", [0, 1]],
  delay: ["float64", [1, 2]],
});
const base = { entities: [airport], source: fromTable("flights", flights), eventTime: "at" } as const;
const first = featureView({
  ...base,
  name: "departures",
  ttl: "1h",
  features: { last: column("delay"), mean: window("6h", mean("delay")) },
  owner: "airside",
  tags: ["delay"],
});
const second = featureView({
  ...base,
  name: "departures",
  ttl: "2h",
  features: { mean: window("24h", mean("delay")), count: column("delay") },
  owner: "airside",
  description: "How late flights leave",
});
const calendar = onDemand({
  name: "calendar",
  input: { at: "timestamp" },
  output: { hour: "int32" },
  compute: () => ({ hour: 1 }),
});
const delay = featureService({ name: "delay", views: [first], features: ["departures:*"] });

function open(path = ":memory:"): FeatureRegistry {
  const registry = createFeatureRegistry({ database: sqlite({ path }), clock: manualClock(100 * hour) });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  return registry;
}

describe("a plan", () => {
  it("says what would change, what it costs and what it affects, and changes nothing", async () => {
    const registry = open();
    const plan = await registry.plan({ views: [first, calendar], services: [delay] });
    expect(plan.changes.map(({ kind, name, action }) => [kind, name, action])).toEqual([
      ["view", "departures", "add"],
      ["view", "calendar", "add"],
      ["service", "delay", "add"],
    ]);
    expect(plan.changes[0]?.backfill).toMatchObject({ lookBackMs: 6 * hour, from: 94 * hour, rows: 2 });
    expect(plan.changes[1]?.backfill).toBeNull();
    expect(plan.cost.rows).toBe(2);
    expect(await registry.revision()).toBe(0);
    await registry.apply(plan, { by: "ada" });

    const store = createFeatureStore({ views: [first] });
    const set = await store.trainingSet({ service: delay, labels: flights, time: "at" });
    await registry.recordTrainingSet(set.manifest, { model: "model:delay/1" });
    const next = await registry.plan({ views: [second] });
    expect(next.changes).toMatchObject([
      {
        name: "departures",
        action: "change",
        from: first.version,
        to: second.version,
        features: { added: ["count"], changed: ["mean"], removed: ["last"] },
        options: ["ttl"],
        affects: [`service:delay@${delay.version}`, `trainingSet:${set.digest}`, "model:delay/1"],
      },
      { name: "delay", action: "remove", affects: [`trainingSet:${set.digest}`, "model:delay/1"] },
      { name: "calendar", action: "remove", affects: [] },
    ]);
  });

  it("names a hop of a window and the lateness of its events among what changed", async () => {
    const registry = open();
    const make = (hop: "1h" | "2h", allowedLateness: "1h" | "3h"): View =>
      featureView({
        ...base,
        name: "pushed",
        ttl: "1h",
        push: { id: "id", allowedLateness, tile: "4h" },
        features: { mean: window("24h", mean("delay"), { hop }) },
      });
    const begun = await registry.plan({ views: [make("1h", "1h")] });
    expect(begun.changes[0]?.backfill).toMatchObject({ lookBackMs: 25 * hour });
    await registry.apply(begun, { by: "ada" });
    const hopped = await registry.plan({ views: [make("2h", "1h")] });
    expect(hopped.changes).toMatchObject([{ features: { changed: ["mean"] }, options: [] }]);
    const later = await registry.plan({ views: [make("1h", "3h")] });
    expect(later.changes).toMatchObject([{ features: { changed: [] }, options: ["push"] }]);
  });

  it("is nothing when nothing changed, and little when only the words did", async () => {
    const registry = open();
    await registry.apply(await registry.plan({ views: [first] }), { by: "ada" });
    const same = await registry.plan({ views: [first] });
    expect([same.changes, await registry.apply(same, { by: "ada" })]).toEqual([[], 1]);
    const described = featureView({ ...base, name: "departures", ttl: "1h", features: first.features, owner: "ops" });
    const plan = await registry.plan({ views: [described] });
    expect(plan.changes).toMatchObject([{ action: "describe", backfill: null }]);
    await registry.apply(plan, { by: "ada" });
    expect((await registry.search({ owner: "ops" })).items).toHaveLength(1);
    expect((await registry.search({ tag: "delay" })).items).toHaveLength(0);
  });

  it("is refused when two share a name, when it was altered, and without a name to it", async () => {
    const registry = open();
    const twice: readonly View[] = [first, second];
    await expect(registry.plan({ views: twice })).rejects.toMatchObject({ code: "VIEW_NAME_COLLISION" });
    const services = [delay, featureService({ ...delay, features: ["departures:mean"] })];
    const collision = registry.plan({ views: [first], services });
    await expect(collision).rejects.toMatchObject({ code: "SERVICE_NAME_COLLISION" });
    const plan = await registry.plan({ views: [first] });
    const altered = registry.apply({ ...plan, revision: 0, definitions: [] }, { by: "ada" });
    await expect(altered).rejects.toMatchObject({ code: "PLAN_INVALID" });
    await expect(registry.apply(plan, { by: "" })).rejects.toMatchObject({ code: "REQUEST_INVALID" });
    await registry.apply(JSON.parse(JSON.stringify(plan)) as typeof plan, { by: "ada" });
    expect(await registry.revision()).toBe(1);
  });
});

describe("applying", () => {
  it("lets one of several at once win, and tells the others", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ashlar-registry-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const registries = [1, 2, 3, 4].map(() => open(join(folder, "registry.db")));
    const plans = await Promise.all(
      registries.map((registry, i) => registry.plan({ views: i % 2 === 0 ? [first] : [second] })),
    );
    const results = await Promise.allSettled(
      registries.map((registry, i) => registry.apply(plans[i] as (typeof plans)[number], { by: `writer ${i}` })),
    );
    const lost = results.filter((result) => result.status === "rejected").map(({ reason }) => reason as unknown);
    expect(lost).toHaveLength(3);
    for (const error of lost) {
      expect(error).toMatchObject({ code: "REGISTRY_CONFLICT", details: { expected: 0, found: 1 } });
    }
  });

  it("keeps old versions, also those that only a service pins", async () => {
    const registry = open();
    await registry.apply(await registry.plan({ views: [second], services: [delay] }), { by: "ada", message: "start" });
    expect((await registry.get("view", "departures")).version).toBe(second.version);
    const pinned = await registry.get("view", "departures", { version: delay.pins.departures as string });
    expect(pinned.body["ttl"]).toBe(hour * 1000);
    await registry.apply(await registry.plan({ views: [first] }), { by: "bob" });
    expect(await registry.versions("view", "departures")).toMatchObject([
      { version: expect.any(String) as string, revision: 1, by: "ada" },
      { revision: 1 },
    ]);
    expect((await registry.versions("view", "departures")).find(({ active }) => active)?.version).toBe(first.version);
    await expect(registry.get("service", "delay")).rejects.toMatchObject({ code: "DEFINITION_NOT_FOUND" });
    expect((await registry.get("service", "delay", { version: delay.version })).pins).toEqual(delay.pins);
    await expect(registry.versions("view", "none")).rejects.toMatchObject({ code: "DEFINITION_NOT_FOUND" });
    expect((await registry.revisions()).map(({ by, message }) => [by, message])).toEqual([
      ["bob", ""],
      ["ada", "start"],
    ]);
  });
});

describe("permissions", () => {
  const permitted = (...resources: readonly string[]): Authorizer =>
    allowList(resources.map((resource) => ({ principal: "User::ada", action: "*", resource })));

  function guarded(authorizer: Authorizer): FeatureRegistry {
    const registry = createFeatureRegistry({ database: sqlite({ path: ":memory:" }), authorizer });
    onTestFinished(() => registry[Symbol.asyncDispose]());
    return registry;
  }

  it("refuses a plan for one change its principal may not make, and changes nothing", async () => {
    const registry = guarded(permitted("FeatureView::departures"));
    const plan = await registry.plan({ views: [first, calendar] });
    const refused = { code: "ACCESS_DENIED", status: 403, details: { resource: "FeatureView::calendar" } };
    await expect(registry.apply(plan, { by: "User::ada" })).rejects.toMatchObject(refused);
    expect([await registry.revision(), (await registry.search()).items]).toEqual([0, []]);
    const allowed = await registry.plan({ views: [first] });
    await expect(registry.apply(allowed, { by: "User::eve" })).rejects.toMatchObject({ code: "ACCESS_DENIED" });
    expect(await registry.apply(allowed, { by: "User::ada" })).toBe(1);
  });

  it("tells the authorizer what is done to which version", async () => {
    const asked: unknown[] = [];
    const registry = guarded({
      decide(request) {
        asked.push(request);
        return { allowed: true, policies: [], explain: () => "" };
      },
    });
    await registry.apply(await registry.plan({ views: [first], services: [delay] }), { by: "User::ada" });
    await registry.apply(await registry.plan({ views: [second] }), { by: "User::ada" });
    expect(asked).toEqual(
      [
        ["add", "FeatureView::departures", { to: first.version }],
        ["add", "FeatureService::delay", { to: delay.version }],
        ["change", "FeatureView::departures", { from: first.version, to: second.version }],
        ["remove", "FeatureService::delay", { from: delay.version }],
      ].map(([verb, resource, context]) => ({
        principal: "User::ada",
        action: `Feature::${String(verb)}`,
        resource,
        context,
      })),
    );
  });

  it("takes no plan that says less than it does, though its digest be right", async () => {
    const registry = guarded(permitted("FeatureView::departures"));
    const { digest: _, ...plan } = await registry.plan({ views: [first, calendar] });
    const hidden = { ...plan, changes: plan.changes.filter(({ name }) => name === "departures") };
    const renamed = { ...plan, changes: plan.changes.map((change) => ({ ...change, name: "departures" })) };
    for (const forged of [hidden, renamed]) {
      const apply = registry.apply({ ...forged, digest: contentHash(forged) }, { by: "User::ada" });
      await expect(apply).rejects.toMatchObject({ code: "PLAN_INVALID" });
    }
    expect(await registry.revision()).toBe(0);
  });

  it("asks for what is recorded too, and records nothing that is refused", async () => {
    const asked: { action: string; resource: string }[] = [];
    const registry = guarded({
      decide({ principal, action, resource }) {
        asked.push({ action, resource });
        return { allowed: principal === "User::ada", policies: [], explain: () => "" };
      },
    });
    await registry.apply(await registry.plan({ views: [first] }), { by: "User::ada" });
    asked.length = 0;
    const empty = { rows: 0, columns: {} } as never;
    const profiled = { view: "departures", version: first.version, of: "source", profile: empty } as const;
    const output = { float: "float64", integer: "exact" } as const;
    const joined = { time: "at", knownAt: true, strict: false, onTie: "last", inputs: {}, output } as const;
    const options = { ...joined, lookBack: null, timezone: null };
    const manifest: TrainingManifest = {
      digest: "d1",
      rows: 0,
      features: [],
      service: null,
      sources: {},
      labels: null,
      options,
      views: { departures: first.version },
    };
    const edges = [{ from: "model:a/1", to: "report:q" }];
    const records = [
      (by?: string) => registry.link(edges, { by }),
      (by?: string) => registry.recordTrainingSet(manifest, { by, model: "model:a/1" }),
      (by?: string) => registry.recordProfile(profiled, { by }),
    ];
    for (const record of records) {
      await expect(record("User::eve")).rejects.toMatchObject({ code: "ACCESS_DENIED", status: 403 });
      await expect(record()).rejects.toMatchObject({ code: "REQUEST_INVALID" });
    }
    const made = async (): Promise<unknown> => [
      (await registry.lineage("report:q")).nodes.length,
      (await registry.lineage("trainingSet:d1")).nodes.length,
      (await registry.profiles("departures")).length,
    ];
    expect(await made()).toEqual([1, 1, 0]);
    for (const record of records) await record("User::ada");
    // The set, its view and the view's source; the report and all of that.
    expect(await made()).toEqual([5, 3, 1]);
    expect(asked.slice(-3)).toEqual([
      { action: "Feature::link", resource: "FeatureLineage::report:q" },
      { action: "Feature::recordTrainingSet", resource: "FeatureView::departures" },
      { action: "Feature::recordProfile", resource: "FeatureView::departures" },
    ]);
  });

  it("takes a failing authorizer for a refusal", async () => {
    const registry = guarded({ decide: () => Promise.reject(new Error("no policies")) });
    const apply = registry.apply(await registry.plan({ views: [first] }), { by: "User::ada" });
    await expect(apply).rejects.toMatchObject({ code: "ACCESS_DENIED" });
  });
});

describe("looking", () => {
  it("finds by text, entity, owner and tag, page by page", async () => {
    const registry = open();
    await registry.apply(await registry.plan({ views: [first, calendar], services: [delay] }), { by: "ada" });
    const names = async (request: Parameters<typeof registry.search>[0]): Promise<string[]> =>
      (await registry.search(request)).items.map(({ kind, name }) => `${kind} ${name}`);
    expect(await names({})).toEqual(["service delay", "view calendar", "view departures"]);
    expect(await names({ text: "MEAN" })).toEqual(["service delay", "view departures"]);
    expect(await names({ text: "100%" })).toEqual([]);
    expect(await names({ entity: "airport", owner: "airside" })).toEqual(["view departures"]);
    expect(await names({ tag: "delay" })).toEqual(["view departures"]);
    const page = await registry.search({ limit: 2 });
    expect(await names({ limit: 2, cursor: page.next as string })).toEqual(["view departures"]);
    await expect(registry.search({ limit: 0 })).rejects.toMatchObject({ code: "REQUEST_INVALID" });
  });

  it("walks lineage both ways, round a cycle too", async () => {
    const registry = open();
    await registry.apply(await registry.plan({ views: [first], services: [delay] }), { by: "ada" });
    const graph = await registry.lineage(`service:delay@${delay.version}`);
    expect(graph.nodes.slice(1)).toEqual([`view:departures@${first.version}`, "source:flights"]);
    const down = await registry.lineage("source:flights", { direction: "downstream" });
    expect(down.nodes.at(-1)).toBe(`service:delay@${delay.version}`);
    await registry.link([{ from: `service:delay@${delay.version}`, to: "source:flights" }]);
    expect((await registry.lineage("source:flights")).nodes).toHaveLength(3);
    await expect(registry.lineage("no node")).rejects.toMatchObject({ code: "REQUEST_INVALID" });
    const self = registry.link([{ from: "a:b", to: "a:b" }]);
    await expect(self).rejects.toMatchObject({ code: "REQUEST_INVALID" });
  });

  it("is refused after dispose", async () => {
    const registry = open();
    await registry[Symbol.asyncDispose]();
    await expect(registry.revision()).rejects.toMatchObject({ code: "CLOSED" });
  });
});
