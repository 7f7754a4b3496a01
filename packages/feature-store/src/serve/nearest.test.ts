import { manualClock } from "@ashlar/core/memory";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { createFeatureClient } from "../client/index.ts";
import {
  column,
  createFeatureStore,
  entity,
  featureView,
  fromRows,
  type HandlerOptions,
  openFeatureApi,
  vector,
} from "../index.ts";

const beyond = 2n ** 60n;
const rows = [
  { shop: 1n, item: "a", at: new Date(1000), embedding: Float32Array.of(1, 0, 0.1), price: Number.NaN, stock: beyond },
  { shop: beyond, item: "ü", at: new Date(2000), embedding: Float32Array.of(0.5, 0.5, 0), price: 2.5, stock: 7n },
  { shop: 3n, item: "c", at: new Date(2000), embedding: Float32Array.of(-1, 0, 0), price: null, stock: null },
  { shop: 4n, item: "d", at: new Date(2000), embedding: null, price: 1, stock: 1n },
];
const items = featureView({
  name: "items",
  entities: [entity({ name: "item", key: { shop: "int64", item: "string" } })],
  source: fromRows("items", rows),
  eventTime: "at",
  ttl: "1h",
  features: {
    embedding: column("embedding", vector(3)),
    price: column("price"),
    stock: column("stock", "int64"),
    since: column("at", "timestamp"),
  },
});
const plain = featureView({
  name: "plain",
  entities: [entity({ name: "shop", key: { shop: "int64" } })],
  source: fromRows("plain", rows),
  eventTime: "at",
  ttl: "1h",
  features: { price: column("price") },
});
const views = [items, plain] as const;
const at = 3000;
const api = openFeatureApi({ views });
const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema(api as object, "api");
const valid = (schema: string, body: unknown): boolean => ajv.validate(`api#/components/schemas/${schema}`, body);

async function made(options: HandlerOptions = {}) {
  const store = createFeatureStore({ views, clock: manualClock(at) });
  await store.materialize(items, { until: at });
  const handler = store.handler(options);
  const fetch = async (url: string, init: RequestInit): Promise<Response> => handler(new Request(url, init));
  const client = createFeatureClient<typeof views>({ url: "http://host/features/", fetch: fetch as never });
  const post = async (body: unknown): Promise<{ status: number; json: Record<string, unknown> }> => {
    const response = await fetch("http://host/features/nearest", { method: "POST", body: JSON.stringify(body) });
    return { status: response.status, json: (await response.json()) as Record<string, unknown> };
  };
  return { store, client, post };
}

describe("the nearest over HTTP", () => {
  it.each(["cosine", "dot", "l2"] as const)("are to the client what they are in the store, by %s", async (metric) => {
    const { store, client } = await made();
    const asked = { vector: Float32Array.of(1, 0.25, 0), k: 10, metric };
    const wanted = await store.nearest(items, asked);
    expect(wanted).toHaveLength(3);
    expect(await client.nearest({ view: "items", ...asked })).toEqual(wanted);
    const told = await client.nearest({ view: "items", ...asked, values: ["stock"], at: at + 500 });
    expect(told.map(({ values }) => Object.keys(values))).toEqual([["stock"], ["stock"], ["stock"]]);
    expect(told[0]?.ageMs).toBe((wanted[0]?.ageMs ?? 0) + 500);
  });

  it("are as the document says, which is OpenAPI 3.1", async () => {
    const checked = await new Validator().validate(JSON.parse(JSON.stringify(api)) as Record<string, unknown>);
    expect(checked.errors ?? []).toEqual([]);
    const { post } = await made();
    const body = { view: "items", vector: [1, 0, 0], k: 2, feature: "embedding" };
    expect(valid("NearestRequest", body)).toBe(true);
    const { status, json } = await post(body);
    expect([status, valid("NearestResponse", json)]).toEqual([200, true]);
    expect(json).toMatchObject({
      neighbours: [
        {
          entity: { shop: 1, item: "a" },
          ageMs: 2000,
          values: { price: "NaN", stock: String(beyond), since: 1_000_000 },
        },
        { entity: { shop: String(beyond), item: "ü" }, values: { price: 2.5, stock: 7, embedding: [0.5, 0.5, 0] } },
      ],
      keys: { shop: "int64", item: "string" },
    });
    for (const wrong of [{ ...body, view: "plain" }, { ...body, k: 0 }, { ...body, metric: "l1" }, { view: "items" }]) {
      expect(valid("NearestRequest", wrong)).toBe(false);
    }
    expect(Object.keys(openFeatureApi({ views: [plain] }).paths)).not.toContain("/nearest");
  });

  const body = { view: "items", vector: [1, 0, 0], k: 3 };
  it.each([
    ["a view without vectors", { ...body, view: "plain" }, "REQUEST_INVALID"],
    ["no view", { ...body, view: undefined }, "REQUEST_INVALID"],
    ["more neighbours than are allowed", { ...body, k: 6 }, "REQUEST_INVALID"],
    ["no number of neighbours", { ...body, k: "3" }, "REQUEST_INVALID"],
    ["a vector of another length", { ...body, vector: [1, 0] }, "REQUEST_INVALID"],
    ["a vector of text", { ...body, vector: ["1", "0", "0"] }, "REQUEST_INVALID"],
    ["a number beyond a float32", { ...body, vector: [1e300, 0, 0] }, "REQUEST_INVALID"],
    ["an unknown metric", { ...body, metric: "l1" }, "REQUEST_INVALID"],
    ["a feature that is no vector", { ...body, feature: "price" }, "REQUEST_INVALID"],
    ["a feature that is no name", { ...body, feature: 1 }, "REQUEST_INVALID"],
    ["a value of no feature", { ...body, values: ["colour"] }, "FEATURE_UNKNOWN"],
    ["values that are no list", { ...body, values: "price" }, "REQUEST_INVALID"],
    ["an odd moment", { ...body, at: 0.5 }, "REQUEST_INVALID"],
    ["too large a body", { ...body, vector: Array.from({ length: 200 }, () => 1) }, "REQUEST_INVALID"],
  ])("are refused to a request with %s", async (_, request, code) => {
    const { post } = await made({ maxNeighbours: 5, maxBodyBytes: 200 });
    const { status, json } = await post(request);
    expect([status, json]).toMatchObject([400, { error: { code } }]);
    expect(valid("Error", json)).toBe(true);
  });

  it("have the types of the definitions, and throw what the server threw", async () => {
    const { client } = await made();
    // @ts-expect-error -- it has no vector
    const none = client.nearest({ view: "plain", vector: [1], k: 1 });
    await expect(none).rejects.toMatchObject({ code: "REQUEST_INVALID", status: 400 });
    // @ts-expect-error -- it is no vector
    const scalar = client.nearest({ view: "items", vector: [1, 0, 0], k: 1, feature: "price" });
    await expect(scalar).rejects.toMatchObject({ code: "REQUEST_INVALID" });
  });

  const keys = { shop: "int64", item: "string" };
  const neighbour = { entity: { shop: 1, item: "a" }, score: 1, ageMs: 0, values: {} };
  it.each([
    ["no JSON", "{"],
    ["no neighbours", JSON.stringify({ keys, types: {} })],
    ["a neighbour that is none", JSON.stringify({ neighbours: [7], keys, types: {} })],
    ["a key of unknown type", JSON.stringify({ neighbours: [neighbour], types: {} })],
    [
      "a key that rounds",
      JSON.stringify({ neighbours: [{ ...neighbour, entity: { shop: 2 ** 60 } }], keys, types: {} }),
    ],
    ["a score of text", JSON.stringify({ neighbours: [{ ...neighbour, score: "1" }], keys, types: {} })],
    ["a value of no type", JSON.stringify({ neighbours: [{ ...neighbour, values: { x: 1 } }], keys, types: {} })],
  ])("are refused by the client in an answer with %s", async (_, text) => {
    const fetch = async (): Promise<Response> => new Response(text);
    const client = createFeatureClient<typeof views>({ url: "http://host", fetch });
    const found = client.nearest({ view: "items", vector: [1, 0, 0], k: 1 });
    await expect(found).rejects.toMatchObject({ code: "RESPONSE_INVALID" });
  });
});
