import { manualClock } from "@ashlar/core/memory";
import { build } from "esbuild";
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { runInNewContext } from "node:vm";
import { fileURLToPath } from "node:url";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { accountsView, beyond } from "../../test/accounts.ts";
import { createFeatureStore, featureService, onDemand, type Reading } from "../index.ts";
import { createFeatureClient, transform } from "./index.ts";

const view = accountsView({ at: [1_234_567, 2_000_000], rate: [Number.NaN, -0.5] });
let calls = 0;
const transfer = transform({
  name: "transfer",
  input: { amount: "int64", fee: "float64", at: "timestamp" },
  output: { large: "boolean", total: "float64" },
  compute: ({ amount, fee }) => {
    calls++;
    return { large: amount > 1000n, total: Number(amount) + fee };
  },
});
const views = [view, onDemand(transfer)] as const;
const owners = featureService({ name: "owners", views: [view], features: ["accounts:owner", "accounts:opened"] });
const clock = manualClock(10_000);
const entities = [
  { account: beyond, amount: 1001n, fee: Number.POSITIVE_INFINITY },
  { account: 7, amount: null, fee: 1 },
  { account: 8, amount: 1n, fee: 0.5 },
];

let server: Server;
let url: string;
let seen: { body: string; headers: Headers } | undefined;
/** What the server says instead of an answer of the store. */
let instead: ((request: Request) => Promise<Response>) | undefined;

beforeAll(async () => {
  const store = createFeatureStore({ views, clock });
  await store.materialize(view, { until: 10_000 });
  const handler = store.handler({ services: [owners] });
  server = createServer((incoming, outgoing) => {
    void (async () => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Uint8Array);
      const headers = new Headers(incoming.headers as Record<string, string>);
      const body = Buffer.concat(chunks).toString();
      seen = { body, headers };
      const request = new Request(`http://host${incoming.url}`, { method: "POST", body, headers });
      const response = await (instead ?? handler)(request);
      outgoing.writeHead(response.status, Object.fromEntries(response.headers));
      Readable.fromWeb(response.body as never).pipe(outgoing);
    })();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/features/`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe.each(["json", "arrow"] as const)("a client that takes %s", (format) => {
  it("reads what the store reads, with the types of the definitions", async () => {
    const store = createFeatureStore({ views, clock });
    await store.materialize(view, { until: 10_000 });
    const features = ["accounts:*", "transfer:*"] as const;
    const client = createFeatureClient<typeof views>({ url, format });
    const rows = await client.read({ entities, features, at: 11_000 });
    expect(rows).toEqual(await store.read({ entities, features, at: 11_000 }));
    expect(rows[0]?.["accounts:opened"].value).toBe(1_234_567n);
    expectTypeOf(rows[0]!["accounts:balance"]).toEqualTypeOf<Reading<bigint>>();
    expectTypeOf(rows[0]!["transfer:large"]).toEqualTypeOf<Reading<boolean>>();
  });

  it("reads a service by name", async () => {
    const services = [owners] as const;
    const client = createFeatureClient<typeof views, typeof services>({ url, format });
    const [row] = await client.read({ entities: [{ account: 7 }], service: "owners", requestId: "one" });
    expectTypeOf(row!).toEqualTypeOf<{
      readonly "accounts:owner": Reading<string>;
      readonly "accounts:opened": Reading<bigint>;
    }>();
    expect(row?.["accounts:owner"]).toEqual({ status: "NULL", value: null, ageMs: 8_000 });
    expect(seen?.headers.get("x-request-id")).toBe("one");
  });
});

describe("a client", () => {
  it("runs transforms itself, and asks for no feature of them", async () => {
    const remote = createFeatureClient<typeof views>({ url });
    const local = createFeatureClient<typeof views>({ url, transforms: [transfer] });
    const features = ["transfer:total", "accounts:owner", "transfer:*"] as const;
    const wanted = await remote.read({ entities, features });
    calls = 0;
    expect(await local.read({ entities, features })).toEqual(wanted);
    expect([calls, JSON.parse(seen?.body ?? "")]).toMatchObject([2, { features: ["accounts:owner"] }]);
    seen = undefined;
    const [only] = await local.read({ entities: [{ amount: 3n, fee: 1 }], features: ["transfer:total"] });
    expect([only, seen]).toEqual([{ "transfer:total": { status: "PRESENT", value: 4, ageMs: 0 } }, undefined]);
    // @ts-expect-error -- the amount is an integer
    const wrong = local.read({ entities: [{ amount: "3", fee: 1 }], features: ["transfer:total"] });
    await expect(wrong).rejects.toMatchObject({ code: "ENTITY_KEY_INVALID" });
    const broken = { ...transfer, compute: () => ({ large: 1, total: null }) as never };
    const failing = createFeatureClient<typeof views>({ url, transforms: [broken] });
    const failed = failing.read({ entities: [{ amount: 3n, fee: 1 }], features: ["transfer:total"] });
    await expect(failed).rejects.toMatchObject({ code: "ON_DEMAND_FAILED" });
  });

  it("throws what the server threw", async () => {
    const client = createFeatureClient<typeof views>({ url });
    // @ts-expect-error -- there is no such feature
    const unknown = client.read({ entities: [{ account: 1 }], features: ["accounts:none"] });
    await expect(unknown).rejects.toMatchObject({ name: "AshlarError", code: "FEATURE_UNKNOWN", status: 400 });
    // @ts-expect-error -- the key is a number
    const key = client.read({ entities: [{ account: "x" }], features: ["accounts:*"] });
    await expect(key).rejects.toMatchObject({
      code: "REQUEST_INVALID",
      details: { rule: expect.any(String) as string },
    });
  });

  it("sends headers made anew for each request", async () => {
    let turn = 0;
    const headers = (): Record<string, string> => ({ authorization: `Bearer ${++turn}` });
    const client = createFeatureClient<typeof views>({ url, headers });
    for (const wanted of ["Bearer 1", "Bearer 2"]) {
      await client.read({ entities: [{ account: 7 }], features: ["accounts:owner"] });
      expect(seen?.headers.get("authorization")).toBe(wanted);
    }
  });

  it("ends at its deadline, at the signal, and where nobody listens", async () => {
    instead = () => new Promise((resolve) => setTimeout(() => resolve(new Response("late")), 300));
    try {
      const client = createFeatureClient<typeof views>({ url, timeoutMs: 20 });
      const request = { entities: [{ account: 7 }], features: ["accounts:owner"] } as const;
      await expect(client.read(request)).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED", retryable: true });
      const aborted = AbortSignal.abort(new Error("enough"));
      await expect(client.read({ ...request, signal: aborted })).rejects.toThrow("enough");
      const stop = new AbortController();
      const stopped = client.read({ ...request, signal: stop.signal, timeoutMs: 5_000 });
      setTimeout(() => stop.abort(new Error("stopped")), 10);
      await expect(stopped).rejects.toThrow("stopped");
      const nobody = createFeatureClient<typeof views>({ url: "http://127.0.0.1:1/" });
      await expect(nobody.read(request)).rejects.toMatchObject({ code: "SERVER_UNREACHABLE", retryable: true });
    } finally {
      instead = undefined;
    }
  });

  const json = (body: unknown): Response => Response.json(body);
  const reading = { status: "PRESENT", value: 1, ageMs: 0 };
  it.each([
    ["no JSON", () => new Response("{", { headers: { "content-type": "application/json" } })],
    ["a page", () => new Response("<html>", { headers: { "content-type": "text/html" } })],
    ["null", () => json(null)],
    ["no types", () => json({ rows: [] })],
    ["too few rows", () => json({ rows: [], types: {} })],
    ["a row that is none", () => json({ rows: [7, 7], types: {} })],
    ["a row without a feature it has a type of", () => json({ rows: [{}], types: { "accounts:owner": "string" } })],
    ["a row that is null", () => json({ rows: [null], types: { "accounts:owner": "string" } })],
    ["none of what was asked for", () => json({ rows: [{}], types: {} })],
    ["a value of another type", () => json({ rows: [{ "a:b": reading }], types: { "a:b": "string" } })],
    [
      "a value that rounds",
      () => json({ rows: [{ "a:b": { ...reading, value: 2 ** 60 } }], types: { "a:b": "int64" } }),
    ],
    ["an unknown status", () => json({ rows: [{ "a:b": { ...reading, status: "X" } }], types: { "a:b": "int32" } })],
    [
      "a value that is not there",
      () => json({ rows: [{ "a:b": { ...reading, value: null } }], types: { "a:b": "int32" } }),
    ],
    ["an age of text", () => json({ rows: [{ "a:b": { ...reading, ageMs: "1" } }], types: { "a:b": "int32" } })],
    ["no Arrow", () => new Response("x", { headers: { "content-type": "application/vnd.apache.arrow.stream" } })],
    ["an error of another", () => new Response("not here", { status: 404 })],
  ])("refuses an answer with %s", async (_, answer) => {
    instead = async () => answer();
    try {
      const client = createFeatureClient<typeof views>({ url });
      const read = client.read({ entities: [{ account: 7 }], features: ["accounts:owner"] });
      await expect(read).rejects.toMatchObject({ code: "RESPONSE_INVALID" });
    } finally {
      instead = undefined;
    }
  });

  it("takes a gateway's error for a server that is away", async () => {
    instead = async () => new Response("bad gateway", { status: 502 });
    try {
      const client = createFeatureClient<typeof views>({ url });
      const read = client.read({ entities: [{ account: 7 }], features: ["accounts:owner"] });
      await expect(read).rejects.toMatchObject({ code: "SERVER_UNREACHABLE" });
    } finally {
      instead = undefined;
    }
  });
});

it("is a small bundle for browsers, without anything of Node", async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [fileURLToPath(new URL("./index.ts", import.meta.url))],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    platform: "browser",
    format: "iife",
    globalName: "client",
    conditions: ["@ashlar/source"],
    external: ["./from-arrow.ts"],
  });
  expect(Object.keys(metafile.inputs).filter((input) => input.includes("arrow") || input.startsWith("node:"))).toEqual(
    [],
  );
  const code = outputFiles[0]?.text ?? "";
  expect(code.length).toBeLessThan(16_000);
  const globals = { fetch, AbortSignal, Headers, URL };
  const made = runInNewContext(`${code};client`, globals) as { createFeatureClient: typeof createFeatureClient };
  const [row] = await made.createFeatureClient<typeof views>({ url }).read({
    entities: [{ account: 7 }],
    features: ["accounts:balance"],
  });
  expect(row?.["accounts:balance"].value).toBe(12n);
});
