import { manualClock } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import {
  column,
  createFeatureStore,
  entity,
  featureService,
  featureView,
  fromRows,
  onDemand,
  openFeatureApi,
  vector,
} from "../index.ts";

const at = 10_000;
const time = new Date(at);
const users = featureView({
  name: "users",
  entities: [entity({ name: "user", key: { id: "string" } })],
  source: fromRows("users", [{ id: "ann", time, n: 1, place: Float32Array.of(1, 0) }]),
  eventTime: "time",
  ttl: "1h",
  features: { n: column("n"), place: column("place", vector(2)) },
});
const items = featureView({
  name: "items",
  entities: [entity({ name: "item", key: { id: "int64" } })],
  source: fromRows("items", [{ id: 7n, time, n: 2 }]),
  eventTime: "time",
  ttl: "1h",
  features: { n: column("n") },
});
const half = onDemand({
  name: "half",
  input: { amount: "float64" },
  output: { of: "float64" },
  compute: ({ amount }) => ({ of: amount / 2 }),
});
const twice = onDemand({
  name: "twice",
  input: { amount: "int64" },
  output: { of: "int64" },
  compute: ({ amount }) => ({ of: amount * 2n }),
});
const when = onDemand({
  name: "when",
  input: { at: "timestamp" },
  output: { at: "timestamp" },
  compute: ({ at }) => ({ at }),
});
const views = [users, items, half, twice, when] as const;
const service = featureService({ name: "service", views: [users], features: ["users:n"] });

async function ask(path: string, body: unknown): Promise<{ status: number; text: string; json: unknown }> {
  const store = createFeatureStore({ views, clock: manualClock(at) });
  for (const view of [users, items]) await store.materialize(view, { until: at });
  const handler = store.handler({ services: [service] });
  const sent = typeof body === "string" ? body : JSON.stringify(body);
  const response = await handler(new Request(`http://host/${path}`, { method: "POST", body: sent }));
  const text = await response.text();
  return { status: response.status, text, json: JSON.parse(text) as unknown };
}

const deep = "[".repeat(50_000) + "]".repeat(50_000);

describe("a hostile request", () => {
  it.each([
    ["a service that is a deep list", "read", `{"entities":[],"service":${deep}}`],
    ["a service of a large name", "read", { entities: [], service: "x".repeat(1_000_000) }],
    ["a key that is a deep list", "read", `{"entities":[{"id":${deep}}],"features":["users:n"]}`],
    ["a key that is an object", "read", '{"entities":[{"id":{"toString":1}}],"features":["users:n"]}'],
    ["a large key of another type", "read", { entities: [{ id: "x".repeat(1_000_000) }], features: ["items:n"] }],
    ["an integer beyond 64 bits", "read", { entities: [{ id: "9999999999999999999" }], features: ["items:n"] }],
    ["an input beyond 64 bits", "read", { entities: [{ amount: "9999999999999999999" }], features: ["twice:of"] }],
    ["a moment beyond any timestamp", "read", { entities: [{ id: "ann" }], features: ["users:n"], at: 2 ** 53 - 1 }],
    [
      "an input beyond any timestamp",
      "read",
      { entities: [{ amount: 1, at: "9223372036854775807" }], features: ["when:at"] },
    ],
    ["a large name of a feature", "read", { entities: [], features: ["x".repeat(1_000_000)] }],
    ["one feature again and again", "read", { entities: [], features: Array<string>(100_000).fill("users:n") }],
    ["a key named as a prototype", "read", '{"entities":[{"__proto__":{"id":"ann"}}],"features":["users:n"]}'],
    ["a feature named as a method", "read", { entities: [{ amount: 1 }], features: ["half:toString"] }],
    [
      "a deep value beside the keys",
      "get-online-features",
      `{"entities":{"id":["ann"],"x":[${deep}]},"features":["users:n"]}`,
    ],
    ["lists of no list", "get-online-features", { entities: { id: { length: 1e9 } }, features: ["users:n"] }],
    ["a deep view", "nearest", `{"view":${deep},"vector":[1,0],"k":1}`],
    ["a deep count", "nearest", `{"view":"users","vector":[1,0],"k":${deep}}`],
    ["nothing but depth", "read", deep],
  ])("with %s is refused in few words", async (_, path, body) => {
    const { status, text } = await ask(path, body);
    expect(status).toBe(400);
    expect(text.length).toBeLessThan(3_000);
  });
});

describe("columns of one name", () => {
  it("are of the type that the views asked for have", async () => {
    const users = await ask("read", { entities: [{ id: "ann" }], features: ["users:n"] });
    expect(users.json).toMatchObject({ rows: [{ "users:n": { status: "PRESENT", value: 1 } }] });
    const items = await ask("read", { entities: [{ id: "7" }], features: ["items:n"] });
    expect(items.json).toMatchObject({ rows: [{ "items:n": { status: "PRESENT", value: 2 } }] });
    const input = await ask("read", { entities: [{ amount: 1.5 }], features: ["half:of"] });
    expect(input.json).toMatchObject({ rows: [{ "half:of": { value: 0.75 } }] });
  });

  it("are described as either", () => {
    const { schemas } = openFeatureApi({ views }).components;
    const id = { anyOf: [{ type: ["string", "null"] }, { type: ["integer", "string", "null"] }] };
    expect(schemas["EntityRow"]).toMatchObject({ properties: { id } });
  });
});

describe("a request of Feast", () => {
  const entities = { id: ["ann"] };
  it("may have null or nothing for what it does not ask by", async () => {
    for (const asked of [
      { features: ["users:n"], feature_service: null, full_feature_names: null },
      { features: null, feature_service: "service" },
      { features: [], feature_service: "service" },
    ]) {
      const { json } = await ask("get-online-features", { entities, ...asked });
      expect(json).toMatchObject({
        metadata: { feature_names: ["id", "n"] },
        results: [{ values: ["ann"] }, { values: [1] }],
      });
    }
  });

  it.each([
    ["no features at all", { entities }],
    ["both", { entities, features: ["users:n"], feature_service: "service" }],
    ["full names that are no boolean", { entities, features: ["users:n"], full_feature_names: "yes" }],
    ["lists of several lengths", { entities: { id: ["ann"], amount: [1, 2] }, features: ["users:n", "half:of"] }],
    ["two features of one name", { entities: { amount: [1] }, features: ["half:of", "twice:of"] }],
    ["a feature named as a key", { entities: { ...entities, n: [1] }, features: ["users:n"] }],
  ])("with %s is refused", async (_, body) => {
    const { status, json } = await ask("get-online-features", body);
    expect(status).toBe(400);
    expect(json).toMatchObject({ error: { code: "REQUEST_INVALID" } });
  });

  it("tells features of one name apart by their full names", async () => {
    const { json } = await ask("get-online-features", {
      entities: { ...entities, n: [1] },
      features: ["users:n"],
      full_feature_names: true,
    });
    expect(json).toMatchObject({ metadata: { feature_names: ["id", "n", "users__n"] } });
  });
});
