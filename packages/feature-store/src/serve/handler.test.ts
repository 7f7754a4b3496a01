import { manualClock } from "@ashlar/core/memory";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { tableFromIPC } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { accountsView, beyond } from "../../test/accounts.ts";
import { createFeatureStore, featureService, type HandlerOptions, onDemand, openFeatureApi } from "../index.ts";
import { preferredMedia } from "./accept.ts";

const view = accountsView({ at: [1_000_000, 2_000_000], rate: [Number.NaN, Number.NEGATIVE_INFINITY] });
const transfer = onDemand({
  name: "transfer",
  input: { amount: "int64" },
  output: { large: "boolean", digits: "int32" },
  compute: ({ amount }) => ({ large: amount > 1000n, digits: String(amount).length }),
});
const views = [view, transfer] as const;
const owners = featureService({ name: "owners", views: [view], features: ["accounts:owner"] });
const at = 10_000;
const api = openFeatureApi({ views, services: [owners] });

const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema(api as object, "api");
const pointer = (name: string): string => `api#/components/schemas/${name}`;

/** Asks the handler, and holds the answer against the document. */
async function ask(
  path: string,
  body: unknown,
  { accept, ...options }: HandlerOptions & { readonly accept?: string } = {},
): Promise<{ status: number; json: Record<string, unknown> }> {
  const store = createFeatureStore({ views, clock: manualClock(at) });
  await store.materialize(view, { until: at });
  const headers = accept === undefined ? {} : { accept };
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const request = new Request(`http://host/features${path}`, { method: "POST", body: text, headers });
  const response = await store.handler({ services: [owners], ...options })(request);
  expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  const json = (await response.json()) as Record<string, unknown>;
  const schema = response.status !== 200 ? "Error" : path === "/read" ? "ReadResponse" : "FeastResponse";
  expect(ajv.validate(pointer(schema), json), JSON.stringify(ajv.errors)).toBe(true);
  return { status: response.status, json };
}

describe("the document", () => {
  it("is OpenAPI 3.1, and is served beside what it describes", async () => {
    const checked = await new Validator().validate(JSON.parse(JSON.stringify(api)) as Record<string, unknown>);
    expect(checked.errors ?? []).toEqual([]);
    expect(checked.valid).toBe(true);
    const handler = createFeatureStore({ views }).handler({ services: [owners] });
    const served = await handler(new Request("http://host/a/b/openapi.json"));
    expect(await served.json()).toEqual(JSON.parse(JSON.stringify(api)));
  });

  it("names every feature, key and input, and refuses others", () => {
    const validate = (body: unknown): boolean => ajv.validate(pointer("ReadRequest"), body);
    expect(validate({ entities: [{ account: "9007199254740993", amount: 5 }], features: ["accounts:*"] })).toBe(true);
    expect(validate({ entities: [], service: "owners" })).toBe(true);
    expect(validate({ entities: [], features: ["accounts:none"] })).toBe(false);
    expect(validate({ entities: [], service: "others" })).toBe(false);
    expect(validate({ entities: [], features: ["accounts:*"], service: "owners" })).toBe(false);
    expect(validate({ entities: [{ account: 1.5 }], features: ["accounts:*"] })).toBe(false);
  });
});

describe("an answer", () => {
  const entities = [
    { account: String(beyond), amount: "1001" },
    { account: 7, amount: null },
    { account: 8, amount: 1 },
  ];
  const features = ["accounts:*", "transfer:*"];

  it("has integers of 64 bits, NaN and infinities without loss in JSON", async () => {
    const { status, json } = await ask("/read", { entities, features });
    expect(status).toBe(200);
    const [first, second, third] = json["rows"] as Record<string, { value: unknown; status: string }>[];
    expect(first).toMatchObject({
      "accounts:balance": { status: "PRESENT", value: "-9223372036854775808" },
      "accounts:rate": { status: "PRESENT", value: "NaN" },
      "accounts:owner": { value: "Zoë" },
      "accounts:opened": { value: 1_000_000 },
      "transfer:large": { value: true },
    });
    expect(second).toMatchObject({
      "accounts:balance": { value: 12 },
      "accounts:rate": { value: "-Infinity" },
      "accounts:owner": { status: "NULL", value: null },
      "transfer:digits": { status: "NULL" },
    });
    expect(third?.["accounts:balance"]).toEqual({ status: "NOT_FOUND", value: null, ageMs: null });
  });

  it("is an Arrow stream when that is asked for, with the same values", async () => {
    const store = createFeatureStore({ views, clock: manualClock(at) });
    await store.materialize(view, { until: at });
    const init = { method: "POST", headers: { accept: "application/vnd.apache.arrow.stream" } };
    const body = JSON.stringify({ entities, features, at: at + 500 });
    const response = await store.handler()(new Request("http://host/read", { ...init, body }));
    expect(response.headers.get("content-type")).toBe("application/vnd.apache.arrow.stream");
    const table = tableFromIPC(new Uint8Array(await response.arrayBuffer()));
    expect(table.numRows).toBe(3);
    expect(table.schema.fields.slice(0, 3).map(({ name, type }) => [name, String(type)])).toEqual([
      ["accounts:balance", "Int64"],
      ["accounts:balance@status", "Dictionary<Int32, Utf8>"],
      ["accounts:balance@age_ms", "Float64"],
    ]);
    const column_ = (name: string): unknown[] => [...(table.getChild(name) ?? [])];
    expect(column_("accounts:balance")).toEqual([-(2n ** 63n), 12n, null]);
    expect(column_("accounts:balance@status")).toEqual(["PRESENT", "PRESENT", "NOT_FOUND"]);
    expect(column_("accounts:balance@age_ms")).toEqual([9_500, 8_500, null]);
    expect(column_("transfer:large")).toEqual([true, null, false]);
  });

  it("is of a service by name, in both shapes", async () => {
    const own = await ask("/read", { entities: [{ account: 7 }], service: "owners" });
    expect(own.json["rows"]).toEqual([{ "accounts:owner": { status: "NULL", value: null, ageMs: 8_000 } }]);
    const feast = await ask("/get-online-features", { entities: { account: [7] }, feature_service: "owners" });
    expect(feast.json).toMatchObject({ metadata: { feature_names: ["account", "owner"] } });
  });
});

describe("a request", () => {
  const entities = [{ account: 1 }, { account: 2 }, { account: 3 }];
  it.each([
    ["too large a body", "/read", { entities, features: ["accounts:*"] }, { maxBodyBytes: 60 }, 400, "REQUEST_INVALID"],
    ["too many entities", "/read", { entities, features: ["accounts:*"] }, { maxEntities: 2 }, 400, "REQUEST_INVALID"],
    ["too many features", "/read", { entities, features: ["accounts:*"] }, { maxFeatures: 4 }, 400, "REQUEST_INVALID"],
    ["too many values", "/read", { entities, features: ["accounts:*"] }, { maxValues: 14 }, 400, "REQUEST_INVALID"],
    ["an unknown service", "/read", { entities, service: "x" }, {}, 400, "REQUEST_INVALID"],
    ["features and a service", "/read", { entities, service: "owners", features: [] }, {}, 400, "REQUEST_INVALID"],
    [
      "a rounded key",
      "/read",
      '{"entities":[{"account":9007199254740993}],"features":["accounts:*"]}',
      {},
      400,
      "REQUEST_INVALID",
    ],
    ["an odd moment", "/read", { entities, features: ["accounts:*"], at: 1.5 }, {}, 400, "REQUEST_INVALID"],
    ["no such format", "/read", { entities, service: "owners" }, { accept: "text/html" }, 406, "NOT_ACCEPTABLE"],
    ["a renamed feature", "/read", { entities, features: ["accounts:rate_old"] }, {}, 400, "FEATURE_UNKNOWN"],
    [
      "too many entities for Feast",
      "/get-online-features",
      { entities: { account: [1, 2, 3] }, feature_service: "owners" },
      { maxEntities: 2 },
      400,
      "REQUEST_INVALID",
    ],
  ] as const)("with %s is answered by the rule", async (_, path, body, options, status, code) => {
    const answer = await ask(path, body, options);
    expect(answer.status).toBe(status);
    expect(answer.json).toMatchObject({ error: { code } });
  });

  it("has limits that are whole numbers", () => {
    const store = createFeatureStore({ views });
    for (const wrong of [{ maxBodyBytes: 0 }, { maxEntities: 1.5 }, { maxFeatures: Number.NaN }]) {
      expect(() => store.handler(wrong)).toThrow(expect.objectContaining({ code: "REQUEST_INVALID" }));
    }
  });
});

it.each([
  [null, "application/json"],
  ["*/*", "application/json"],
  ["application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"],
  ["application/vnd.apache.arrow.stream;q=0.5, application/json;q=0.4", "application/vnd.apache.arrow.stream"],
  ["application/*;q=0.2, application/json;q=0.1", "application/vnd.apache.arrow.stream"],
  ["application/vnd.apache.arrow.stream, */*", "application/json"],
  ["application/json;q=0, */*", "application/vnd.apache.arrow.stream"],
])("of %s prefers %s", (accept, wanted) => {
  expect(preferredMedia(accept)).toBe(wanted);
});
