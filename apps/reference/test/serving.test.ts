import { readFileSync, statSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type App, startApp, temporaryFolder } from "./app.ts";
import { type Caller, openCaller } from "./caller.ts";

const folder = temporaryFolder();
const flight = { origin: "ORD", destination: "LGA", distance: 733, date: "2001-06-30T22:00:00Z" };
let app: App;
let caller: Caller;

beforeAll(async () => {
  app = startApp("--rows", "20000", "--data", folder.path);
  await app.prints(/Serving on/);
  caller = openCaller(folder.path);
}, 240_000);
afterAll(async () => {
  await caller?.close();
  await app?.[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

test("credentials are for their owner alone, expire within the hour, and hold no token of the pipeline", () => {
  expect(statSync(folder.file("credentials.json")).mode & 0o777).toBe(0o600);
  const text = readFileSync(folder.file("credentials.json"), "utf8");
  const credentials = JSON.parse(text) as { expiresAt: string };
  const left = Date.parse(credentials.expiresAt) - Date.now();
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(3_600_000);
  expect(Object.keys(credentials)).toEqual(["origin", "ca", "expiresAt", "admin", "scientist", "approver", "service"]);
});

describe.each([
  { path: "/predict", method: "POST", body: { flights: [flight] }, may: "service", mayNot: "approver" },
  { path: "/v2/models/delay", may: "service", mayNot: "approver" },
  { path: "/features/read", method: "POST", body: { entities: [], features: [] }, may: "admin", mayNot: "approver" },
  { path: "/registry/models", may: "approver", mayNot: "service" },
  { path: "/audit/verify", may: "admin", mayNot: "scientist" },
  { path: "/audit/entries", may: "admin", mayNot: "approver" },
  { path: "/workflows/runs", may: "scientist", mayNot: "service" },
  { path: "/metrics", may: "scientist", mayNot: "service" },
] as const)("$path", ({ path, may, mayNot, ...how }) => {
  test("is closed to who has no token, or one that was tampered with", async () => {
    expect(await caller.ask(path, how)).toMatchObject({ status: 401 });
    expect(await caller.ask(path, { ...how, token: `${caller.tokens[may].slice(0, -6)}AAAAAA` })).toMatchObject({
      status: 401,
    });
  });
  test(`is closed to the ${mayNot}`, async () => {
    expect(await caller.ask(path, { ...how, as: mayNot })).toMatchObject({ status: 403 });
  });
  test(`lets the ${may} through`, async () => {
    expect((await caller.ask(path, { ...how, as: may })).status).not.toBe(401);
    expect((await caller.ask(path, { ...how, as: may })).status).not.toBe(403);
  });
});

test("/predict answers with a probability and says how many features were there", async () => {
  const { status, json } = await caller.ask("/predict", {
    method: "POST",
    as: "service",
    body: { flights: [flight, { ...flight, origin: "ZZZ", destination: "YYY" }] },
  });
  expect(status).toBe(200);
  const { model, predictions } = json as Prediction;
  expect(model).toEqual({ name: "delay", version: 1 });
  expect(predictions).toHaveLength(2);
  const [known, unknown] = predictions;
  for (const { late } of predictions) {
    expect(late).toBeGreaterThan(0);
    expect(late).toBeLessThan(1);
  }
  expect(known?.features.of).toBe(54);
  // An airport nobody knows has its calendar and its distance, and nothing else but counts.
  expect(unknown?.features.present).toBeLessThan(known?.features.present ?? 0);
});

interface Prediction {
  readonly model: { readonly name: string; readonly version: number };
  readonly predictions: readonly { readonly late: number; readonly features: { present: number; of: number } }[];
}

test.each([
  ["nothing", undefined, "flights"],
  ["what is not JSON", "{", "flights"],
  ["no flights", { flights: [] }, "flights"],
  ["an origin in small letters", { flights: [{ ...flight, origin: "ord" }] }, "flights[0].origin"],
  ["a second flight without a distance", { flights: [flight, { ...flight, distance: null }] }, "flights[1].distance"],
  ["a date without a zone", { flights: [{ ...flight, date: "2001-06-30T22:00:00" }] }, "flights[0].date"],
])("/predict refuses %s with 400 and names the field", async (_what, body, field) => {
  const { status, json } = await caller.ask("/predict", { method: "POST", as: "service", body });
  expect(status).toBe(400);
  expect(json).toMatchObject({ code: "PREDICTION_INPUT_INVALID", details: { field } });
});

test("/v2 speaks the Open Inference Protocol about the champion", async () => {
  const described = await caller.ask("/v2/models/delay", { as: "service" });
  expect(described).toMatchObject({
    status: 200,
    json: { name: "delay", versions: [expect.stringMatching(/^1\.\d$/)] },
  });
  const { inputs } = described.json as { inputs: { name: string; datatype: string; shape: number[] }[] };
  expect(inputs).toEqual([{ name: "features", datatype: "FP32", shape: [-1, 54] }]);

  const tensor = { name: "features", datatype: "FP32", shape: [2, 54], data: Array.from({ length: 108 }, () => 0.5) };
  const answer = await caller.ask("/v2/models/delay/infer", {
    method: "POST",
    as: "service",
    body: { inputs: [tensor] },
  });
  expect(answer.status).toBe(200);
  const { outputs } = answer.json as { outputs: { name: string; data: number[] }[] };
  expect(outputs.find(({ name }) => name === "probability")?.data).toHaveLength(2);

  const wrong = { ...tensor, shape: [2, 53], data: tensor.data.slice(2) };
  expect(
    await caller.ask("/v2/models/delay/infer", { method: "POST", as: "service", body: { inputs: [wrong] } }),
  ).toMatchObject({ status: 400 });
  expect(await caller.ask("/v2/models/none", { as: "service" })).toMatchObject({ status: 404 });
});

test("/features/read gives features by key, with the state of each value", async () => {
  const { status, json } = await caller.ask("/features/read", {
    method: "POST",
    as: "service",
    body: {
      entities: [{ origin: "ORD", destination: "LGA" }],
      features: ["from_origin:mean_delay_7d"],
      at: Date.parse(flight.date),
    },
  });
  expect(status).toBe(200);
  expect(JSON.stringify(json)).toContain("PRESENT");
});

test("/registry shows the model, its alias and its lineage, and cannot be written to from outside", async () => {
  const models = await caller.ask("/registry/models", { as: "scientist" });
  expect(models).toMatchObject({ status: 200, json: { items: [{ name: "delay" }] } });
  const aliases = await caller.ask("/registry/models/delay/aliases", { as: "approver" });
  expect(aliases.json).toMatchObject({ champion: 1 });
  const write = await caller.ask("/registry/models/delay/aliases", { method: "POST", as: "admin", body: {} });
  expect(write.status).toBe(404);
});

test("/audit shows entries in pages, proves one of them, and verifies", async () => {
  const verified = await caller.ask("/audit/verify", { as: "admin" });
  expect(verified).toMatchObject({ status: 200, json: { ok: true, problems: [] } });
  const page = await caller.ask("/audit/entries?from=0", { as: "admin" });
  const { items, size } = page.json as { items: { index: number }[]; size: number };
  expect(items[0]).toMatchObject({ index: 0 });
  expect(items.length).toBe(Math.min(1000, size));
  const proof = await caller.ask("/audit/proof/3", { as: "admin" });
  expect(proof).toMatchObject({ status: 200, json: { index: 3 } });
});

test("what was refused over HTTP is in the audit log", async () => {
  await caller.ask("/audit/verify", { as: "approver" });
  const { json } = await caller.ask("/audit/entries", { as: "admin" });
  const { items } = json as { items: { event: Record<string, unknown> }[] };
  expect(items.map(({ event }) => event)).toContainEqual(
    expect.objectContaining({ principal: "User::grace", action: "Audit::read", outcome: "refused" }),
  );
});

test("/workflows shows the run and its steps; only an admin may stop it", async () => {
  const { status, json } = await caller.ask("/workflows/runs", { as: "scientist" });
  expect(status).toBe(200);
  const { items } = json as { items: { id: string; state: string }[] };
  expect(items).toMatchObject([{ state: "succeeded" }]);
  const cancel = `/workflows/runs/${items[0]?.id}/cancel`;
  expect(await caller.ask(cancel, { method: "POST", as: "scientist" })).toMatchObject({ status: 403 });
});

test("/metrics is Prometheus text, and counts", async () => {
  const count = async (): Promise<number> => {
    const { text } = await caller.ask("/metrics", { as: "admin" });
    return Number(/^ashlar_gateway_responses_total\{route="\/predict",status="2xx"\} (\d+)$/m.exec(text)?.[1]);
  };
  const before = await count();
  await caller.ask("/predict", { method: "POST", as: "service", body: { flights: [flight] } });
  expect(await count()).toBe(before + 1);
});

test("/healthz, /readyz and the console are open; what does not exist is not", async () => {
  expect(await caller.ask("/healthz")).toMatchObject({ status: 200, json: { healthy: true } });
  expect(await caller.ask("/readyz")).toMatchObject({ status: 200, json: { ready: true } });
  expect(await caller.ask("/")).toMatchObject({ status: 200, type: "text/html; charset=utf-8" });
  expect(await caller.ask("/nothing")).toMatchObject({ status: 404 });
  expect(await caller.ask("/console/../audit/entries")).toMatchObject({ status: 401 });
});

test("SIGTERM ends it in good order", async () => {
  const ended = await app.end("SIGTERM");
  expect(ended).toMatchObject({ code: 0, signal: null, stderr: "" });
});
