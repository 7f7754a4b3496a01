import { expect, it, onTestFinished } from "vitest";
import { contentHash } from "../define/content-hash.ts";
import { column, entity, featureService, featureView, fromRows, onDemand, sum, window } from "../index.ts";
import { createFeatureRegistry, type FeatureRegistry, type RegistryPlan, sqlite } from "./index.ts";

const base = {
  entities: [entity({ name: "user", key: { user: "string" } })],
  source: fromRows("clicks", []),
  eventTime: "at",
  ttl: "forever",
  push: { id: "id" },
} as const;
const clicks = featureView({ ...base, name: "clicks", features: { last: column("n"), sum: window("1d", sum("n")) } });
const twice = onDemand({
  name: "twice",
  input: { n: "int32" },
  output: { n: "int32" },
  compute: ({ n }) => ({ n: 2 * n }),
});
const service = featureService({ name: "service", views: [clicks], features: ["clicks:last"] });

function open(): FeatureRegistry {
  const registry = createFeatureRegistry({ database: sqlite({ path: ":memory:" }) });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  return registry;
}

/** As it comes from a file: what it is, nobody knows. */
const read = (text: string): RegistryPlan => JSON.parse(text) as RegistryPlan;
const signed = (plan: object): string => JSON.stringify({ ...plan, digest: contentHash(plan) });

it("applies what it planned, of every kind of definition, through JSON", async () => {
  const registry = open();
  const plan = await registry.plan({ views: [clicks, twice], services: [service] });
  expect(await registry.apply(read(JSON.stringify(plan)), { by: "ada" })).toBe(1);
});

it.each([
  ["null", "null"],
  ["a number", "5"],
  ["a list", "[]"],
  ["nothing in it", "{}"],
  ["a digest alone", signed({})],
  ["definitions that are none", signed({ revision: 0, changes: [], definitions: [null], pinned: [], cost: {} })],
  ["changes that are none", signed({ revision: 0, changes: [1], definitions: [], pinned: [], cost: {} })],
])("refuses a file with %s", async (_, text) => {
  const registry = open();
  await expect(registry.apply(read(text), { by: "ada" })).rejects.toMatchObject({ code: "PLAN_INVALID" });
  expect(await registry.revision()).toBe(0);
});

it("keeps no definition under the version of another, though the digest be right", async () => {
  const registry = open();
  const { digest: _, ...plan } = await registry.plan({ views: [clicks], services: [service] });
  const altered = [
    (record: RegistryPlan["definitions"][number]) => ({ ...record, body: { ...record.body, ttl: 5, features: ["x"] } }),
    (record: RegistryPlan["definitions"][number]) => ({ ...record, version: "0".repeat(64) }),
  ];
  for (const alter of altered) {
    const changes = plan.changes.map((change) => ({ ...change, to: alter(plan.definitions[0] as never).version }));
    for (const forged of [
      { ...plan, definitions: plan.definitions.map(alter) },
      { ...plan, changes, definitions: plan.definitions.map(alter) },
      { ...plan, pinned: plan.definitions.map(alter) },
    ]) {
      const apply = registry.apply(read(signed(forged)), { by: "ada" });
      await expect(apply).rejects.toMatchObject({ code: "PLAN_INVALID" });
    }
  }
  expect(await registry.revision()).toBe(0);
});

it("tells features apart from what every object has", async () => {
  const registry = open();
  const odd = featureView({ ...base, name: "constructor", features: { toString: column("n") } });
  const pins = featureService({ name: "odd", views: [clicks, odd], features: ["clicks:last"] });
  const { changes, definitions } = await registry.plan({ views: [odd], services: [pins] });
  expect(changes[0]).toMatchObject({ action: "add", features: { added: ["toString"], changed: [], removed: [] } });
  expect(definitions[1]?.features).toEqual({ "clicks:last": expect.any(String) as unknown });
});

it("lists as many revisions as it is asked to, and refuses a number that is none", async () => {
  const registry = open();
  for (const limit of [0, -1, 1.5, Number.NaN, 1001]) {
    await expect(registry.revisions({ limit })).rejects.toMatchObject({ code: "REQUEST_INVALID" });
  }
});
