import { isAshlarError } from "@ashlar/core";
import { allowList, manualClock } from "@ashlar/core/memory";
import { exportJWK, generateKeyPair, importJWK, jwtVerify, SignJWT } from "jose";
import { afterEach, describe, expect, it } from "vitest";
import {
  createGateway,
  type Gateway,
  type GatewayOptions,
  type HandlerContext,
  networkingError,
  type RefusalEvent,
  type Route,
  type TokenVerifier,
} from "../src/index.ts";
import { rawRequest } from "./raw-request.ts";

let open: Gateway | undefined;

async function serve(options: GatewayOptions): Promise<string> {
  open = createGateway(options);
  const { port } = await open.listen({ port: 0 });
  return `http://127.0.0.1:${port}`;
}

afterEach(async () => {
  await open?.close({ drainMs: 100 });
  open = undefined;
});

const code = (expected: string) => expect.toSatisfy((error) => isAshlarError(error, expected));
const say = (text: string) => async (): Promise<Response> => new Response(text);
const problem = async (response: Response) => {
  const { code } = (await response.json()) as { code: string };
  return { status: response.status, code };
};

/** Accepts the name of a user as the user's token. */
const names: TokenVerifier = {
  verify: async (token) => {
    if (token === "forged") throw new Error("bad signature");
    if (token === "trouble") throw networkingError("UPSTREAM_FAILED", { route: "keys" });
    return { principal: token === "nobody" ? "" : `User::${token}`, claims: { team: "blue" } };
  },
};
const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

describe("routes", () => {
  it("serves the first that takes path and method, and answers 404 for the rest", async () => {
    const url = await serve({
      routes: [
        { path: "/a/**", methods: ["GET"], to: say("first") },
        { path: "/a/b", to: say("second") },
      ],
    });
    expect(await (await fetch(`${url}/a/b`)).text()).toBe("first");
    expect(await (await fetch(`${url}/a/b`, { method: "POST" })).text()).toBe("second");
    expect(await problem(await fetch(`${url}/c`))).toEqual({ status: 404, code: "ROUTE_NOT_FOUND" });
  });

  it.each<[string, Partial<Route>, string]>([
    ["without upstream", { to: undefined as never }, "ROUTE_INVALID"],
    [
      "authorising nobody",
      { authorize: { authorizer: allowList([]), request: () => ({ action: "a", resource: "r" }) } },
      "ROUTE_INVALID",
    ],
    ["limiting nobody", { limit: { rate: "1/s", by: "principal" } }, "ROUTE_INVALID"],
    ["limiting by nothing known", { limit: { rate: "1/s", by: "mood" as "address" } }, "ROUTE_INVALID"],
    ["with an odd method", { methods: ["get"] }, "ROUTE_INVALID"],
    ["without method", { methods: [] }, "ROUTE_INVALID"],
    ["with an odd deadline", { deadline: "soon" as "1s" }, "OPTION_INVALID"],
    ["with an odd budget", { retry: { budget: 7 } }, "OPTION_INVALID"],
    ["with an odd body limit", { maxBodyBytes: -1 }, "OPTION_INVALID"],
    ["with an odd rate", { limit: { rate: "many/s" as "1/s", by: "address" } }, "OPTION_INVALID"],
  ])("are refused %s", (_, part, expected) => {
    expect(() => createGateway({ routes: [{ path: "/", to: say(""), ...part }] })).toThrow(code(expected));
  });

  it.each([
    [{ trustedProxies: ["10.0.0.0/33"] }],
    [{ trustedProxies: ["proxy.example"] }],
    [{ headersTimeout: 0 }],
    [{ maxHeaders: 0 }],
    [{ maxHeaderBytes: 10 }],
  ])("go with settings that make sense only: %j", (settings) => {
    expect(() => createGateway({ routes: [], ...settings })).toThrow(code("OPTION_INVALID"));
  });
});

describe("a handler", () => {
  it("gets a standard request and what the gateway knows", async () => {
    let seen: HandlerContext | undefined;
    const url = await serve({
      routes: [
        {
          path: "/models/:model",
          authenticate: names,
          deadline: "5s",
          to: async (request, context) => {
            seen = context;
            const { authorization = "none" } = Object.fromEntries(request.headers);
            return Response.json({ url: request.url, body: await request.json(), authorization }, { status: 201 });
          },
        },
      ],
    });
    const response = await fetch(`${url}/models/caf%c3%a9?x=1`, { method: "PUT", body: `{"a":1}`, ...as("ada") });
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({
      url: `${url}/models/caf%C3%A9?x=1`,
      body: { a: 1 },
      authorization: "none",
    });
    expect(seen).toMatchObject({
      route: "/models/:model",
      method: "PUT",
      path: "/models/caf%C3%A9",
      query: "?x=1",
      params: { model: "café" },
      address: "127.0.0.1",
      principal: "User::ada",
      claims: { team: "blue" },
    });
    expect(seen?.remainingMs()).toBeLessThanOrEqual(5000);
  });

  it("streams in both directions without collecting", async () => {
    const url = await serve({
      routes: [{ path: "/echo", maxBodyBytes: 1e9, to: async (request) => new Response(request.body) }],
    });
    const piece = new Uint8Array(64 * 1024).fill(7);
    let left = 200;
    const body = new ReadableStream({
      pull: (controller) => (left-- > 0 ? controller.enqueue(piece) : controller.close()),
    });
    const response = await fetch(`${url}/echo`, { method: "POST", body, duplex: "half" } as RequestInit);
    let size = 0;
    for await (const chunk of response.body as ReadableStream<Uint8Array>) size += chunk.length;
    expect(size).toBe(200 * piece.length);
  });

  it("sends cookies, head-only answers and no-content as they are", async () => {
    const url = await serve({
      routes: [
        { path: "/none", to: async () => new Response(null, { status: 204 }) },
        {
          path: "/**",
          to: async () => {
            const headers = new Headers({ connection: "x-secret", "keep-alive": "timeout=9" });
            headers.append("set-cookie", "a=1");
            headers.append("set-cookie", "b=2");
            return new Response("body", { headers });
          },
        },
      ],
    });
    const response = await fetch(url);
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(response.headers.get("keep-alive")).not.toBe("timeout=9");
    const bare = await fetch(url, { method: "HEAD" });
    expect([bare.status, await bare.text()]).toEqual([200, ""]);
    expect((await fetch(`${url}/none`)).status).toBe(204);
  });

  it("that fails is answered without its secrets; an Ashlar error keeps its status", async () => {
    const url = await serve({
      routes: [
        { path: "/throws", to: () => Promise.reject(new Error("password=hunter2")) },
        { path: "/odd", to: async () => "text" as never },
        { path: "/known", to: () => Promise.reject(networkingError("BREAKER_OPEN", { retryAfterMs: 1500 })) },
      ],
    });
    const response = await fetch(`${url}/throws`);
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(text).toContain("HANDLER_FAILED");
    expect(text).not.toContain("hunter2");
    expect(await problem(await fetch(`${url}/odd`))).toEqual({ status: 500, code: "HANDLER_FAILED" });
    const known = await fetch(`${url}/known`);
    expect([known.status, known.headers.get("retry-after")]).toEqual([503, "2"]);
  });

  it("whose stream breaks does not look complete to the client", async () => {
    const url = await serve({
      routes: [
        {
          path: "/",
          to: async () =>
            new Response(
              new ReadableStream({
                start: (controller) => controller.enqueue(new Uint8Array(10)),
                pull: () => Promise.reject(new Error("disk")),
              }),
            ),
        },
      ],
    });
    await expect(fetch(url).then((response) => response.text())).rejects.toThrow(/terminated|fetch failed/);
  });

  it("hears that its client went away", async () => {
    const heard = Promise.withResolvers<string>();
    const began = Promise.withResolvers<void>();
    const url = await serve({
      routes: [
        {
          path: "/",
          to: (request, { signal }) => {
            began.resolve();
            signal.addEventListener("abort", () => heard.resolve(String(request.signal.aborted)));
            return new Promise<Response>(() => {});
          },
        },
      ],
    });
    const controller = new AbortController();
    const gone = fetch(url, { signal: controller.signal }).catch((error: unknown) => error);
    await began.promise;
    controller.abort();
    await gone;
    expect(await heard.promise).toBe("true");
  });

  it("is cut off when the deadline passes, whatever it waits for", async () => {
    const url = await serve({
      routes: [
        { path: "/", deadline: "40ms", to: () => new Promise<Response>(() => {}) },
        { path: "/verify", deadline: "40ms", authenticate: { verify: () => new Promise(() => {}) }, to: say("") },
      ],
    });
    expect(await problem(await fetch(url))).toEqual({ status: 504, code: "DEADLINE_EXCEEDED" });
    expect(await problem(await fetch(`${url}/verify`, as("ada")))).toEqual({ status: 504, code: "DEADLINE_EXCEEDED" });
  });

  it("gets no body larger than its route allows, announced or not", async () => {
    const read = async (request: Request): Promise<Response> => new Response(String((await request.text()).length));
    const url = await serve({ routes: [{ path: "/", maxBodyBytes: 100_000, to: read }] });
    const post = (body: BodyInit) => fetch(url, { method: "POST", body, duplex: "half" } as RequestInit);
    expect(await (await post("x".repeat(100_000))).text()).toBe("100000");
    expect(await problem(await post("x".repeat(100_001)))).toEqual({ status: 413, code: "BODY_TOO_LARGE" });
    expect(await problem(await post(new Blob(["x".repeat(100_001)]).stream()))).toMatchObject({ status: 413 });
    expect(await problem(await post("x".repeat(3_000_000)))).toMatchObject({ status: 413 });
  });
});

describe("identity", () => {
  it("takes a real token and refuses a forged one", async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
    const key = await importJWK(await exportJWK(publicKey), "ES256");
    const jwt: TokenVerifier = {
      verify: async (token) => {
        const { payload } = await jwtVerify(token, key, { algorithms: ["ES256"], issuer: "https://issuer.example" });
        return { principal: `User::${payload.sub}`, claims: payload };
      },
    };
    const url = await serve({
      routes: [{ path: "/", authenticate: jwt, to: async (_, { principal }) => new Response(principal) }],
    });
    const sign = (issuer: string) =>
      new SignJWT({})
        .setProtectedHeader({ alg: "ES256" })
        .setSubject("ada")
        .setIssuer(issuer)
        .setExpirationTime("1m")
        .sign(privateKey);
    expect(await (await fetch(url, as(await sign("https://issuer.example")))).text()).toBe("User::ada");
    expect((await fetch(url, as(await sign("https://other.example")))).status).toBe(401);
    const [header, payload] = (await sign("https://issuer.example")).split(".");
    expect((await fetch(url, as(`${header}.${payload}.AAAA`))).status).toBe(401);
  });

  it.each([
    ["nothing", undefined, 401, "UNAUTHENTICATED"],
    ["another scheme", "Basic eDp5", 401, "UNAUTHENTICATED"],
    ["no token", "Bearer ", 401, "UNAUTHENTICATED"],
    ["two tokens", "Bearer a b", 401, "UNAUTHENTICATED"],
    ["a forged token", "Bearer forged", 401, "UNAUTHENTICATED"],
    ["a token of nobody", "Bearer nobody", 401, "UNAUTHENTICATED"],
    ["any token while the verifier is in trouble", "Bearer trouble", 503, "VERIFIER_FAILED"],
  ])("refuses %s", async (_, authorization, status, expected) => {
    const url = await serve({ routes: [{ path: "/", authenticate: names, to: say("in") }] });
    const response = await fetch(url, authorization === undefined ? {} : { headers: { authorization } });
    expect(response.headers.get("www-authenticate")).toBe(status === 401 ? "Bearer" : null);
    expect(await problem(response)).toEqual({ status, code: expected });
  });

  it("passes the token on only when told to", async () => {
    const to: Route["to"] = async (request) => new Response(request.headers.get("authorization"));
    const url = await serve({
      routes: [
        { path: "/kept", authenticate: names, to },
        { path: "/passed", authenticate: names, forwardAuthorization: true, to },
        { path: "/own", to },
      ],
    });
    const texts = ["/kept", "/passed", "/own"].map(async (path) => (await fetch(url + path, as("ada"))).text());
    expect(await Promise.all(texts)).toEqual(["", "Bearer ada", "Bearer ada"]);
  });

  it("asks the authorizer about the canonical path, and takes its failure for a no", async () => {
    const authorizer = allowList([{ principal: "User::ada", action: "Model::infer", resource: "Model::delay" }]);
    const failing = { decide: () => Promise.reject(new Error("down")) };
    const url = await serve({
      routes: [
        {
          path: "/models/:model",
          authenticate: names,
          authorize: {
            authorizer,
            request: ({ params }) => ({ action: "Model::infer", resource: `Model::${params["model"]}` }),
          },
          to: say("in"),
        },
        {
          path: "/failing",
          authenticate: names,
          authorize: { authorizer: failing, request: () => ({ action: "a", resource: "r" }) },
          to: say("in"),
        },
      ],
    });
    expect((await fetch(`${url}/models/%64elay`, as("ada"))).status).toBe(200);
    expect(await problem(await fetch(`${url}/models/delay`, as("eve")))).toEqual({ status: 403, code: "FORBIDDEN" });
    expect(await problem(await fetch(`${url}/models/other`, as("ada")))).toEqual({ status: 403, code: "FORBIDDEN" });
    expect(await problem(await fetch(`${url}/failing`, as("ada")))).toEqual({ status: 403, code: "FORBIDDEN" });
  });

  it("believes a trusted proxy about the client and the time left", async () => {
    const to: Route["to"] = async (request, { address, remainingMs }) =>
      Response.json({ address, limited: remainingMs() <= 5000, through: request.headers.get("x-forwarded-for") });
    const headers = { "x-forwarded-for": "6.6.6.6, 192.0.2.7, 10.1.2.3", "x-request-deadline-ms": "5000" };
    const trusting = await serve({ routes: [{ path: "/", to }], trustedProxies: ["127.0.0.1", "10.0.0.0/8"] });
    const through = "6.6.6.6, 192.0.2.7, 10.1.2.3, 127.0.0.1";
    expect(await (await fetch(trusting, { headers })).json()).toEqual({ address: "192.0.2.7", limited: true, through });
    const spent = await fetch(trusting, { headers: { "x-request-deadline-ms": "0" } });
    expect(await problem(spent)).toEqual({ status: 504, code: "DEADLINE_EXCEEDED" });
    await open?.close();
    const wary = await serve({ routes: [{ path: "/", to }] });
    const alone = { address: "127.0.0.1", limited: false, through: "127.0.0.1" };
    expect(await (await fetch(wary, { headers })).json()).toEqual(alone);
  });
});

describe("limits", () => {
  it("counts each principal for itself and says when to come back", async () => {
    const clock = manualClock();
    const limit = { rate: "2/m", by: "principal" } as const;
    const url = await serve({ routes: [{ path: "/", authenticate: names, limit, to: say("in") }], clock });
    const status = async (token: string) => (await fetch(url, as(token))).status;
    expect([await status("ada"), await status("ada"), await status("ada"), await status("eve")]).toEqual([
      200, 200, 429, 200,
    ]);
    const refused = await fetch(url, as("ada"));
    expect(refused.headers.get("retry-after")).toBe("30");
    expect(await problem(refused)).toEqual({ status: 429, code: "RATE_LIMITED" });
    clock.advance(30_000);
    expect(await status("ada")).toBe(200);
  });

  it("counts an address before it asks who is calling", async () => {
    const limit = { rate: "1/h", by: "address" } as const;
    const url = await serve({ routes: [{ path: "/", authenticate: names, limit, to: say("in") }] });
    expect((await fetch(url)).status).toBe(401);
    expect((await fetch(url, as("ada"))).status).toBe(429);
  });
});

describe("what is recorded", () => {
  it("is every admitted request before it is carried out, and every refusal", async () => {
    const admitted: string[] = [];
    const refused: RefusalEvent[] = [];
    const url = await serve({
      routes: [{ path: "/a", authenticate: names, to: async () => new Response(admitted.join()) }],
      onRequest: ({ principal, path }) => void admitted.push(`${principal} ${path}`),
      onRefusal: (event) => void refused.push(event),
    });
    expect(await (await fetch(`${url}/a`, as("ada"))).text()).toBe("User::ada /a");
    await fetch(`${url}/a`);
    await fetch(`${url}/b`);
    await fetch(`${url}/a%2fb`);
    expect(admitted).toEqual(["User::ada /a"]);
    expect(refused.map(({ code, path, route }) => [code, path, route])).toEqual([
      ["UNAUTHENTICATED", "/a", "/a"],
      ["ROUTE_NOT_FOUND", "/b", undefined],
      ["REQUEST_MALFORMED", undefined, undefined],
    ]);
    expect(refused[0]).toMatchObject({ address: "127.0.0.1", status: 401, method: "GET" });
  });

  it("decides: no record, no action", async () => {
    let carriedOut = false;
    const url = await serve({
      routes: [
        {
          path: "/",
          to: async () => {
            carriedOut = true;
            return new Response();
          },
        },
      ],
      onRequest: () => Promise.reject(new Error("disk full")),
      onRefusal: () => Promise.reject(new Error("disk full")),
    });
    expect(await problem(await fetch(url))).toEqual({ status: 503, code: "AUDIT_FAILED" });
    expect(carriedOut).toBe(false);
  });

  it("is counted by route", async () => {
    const url = await serve({
      routes: [
        { path: "/a", to: say("in") },
        { path: "/b", authenticate: names, to: say("in") },
      ],
    });
    for (const path of ["/a", "/a", "/b", "/none"]) await (await fetch(url + path)).text();
    await rawRequest(Number(new URL(url).port), "nonsense\r\n\r\n");
    const { routes, unrouted } = (open as Gateway).statistics();
    expect(routes[0]).toMatchObject({ route: "/a", requests: 2, inFlight: 0, statuses: { "2xx": 2 }, refusals: {} });
    expect(routes[0]?.latencyMs.p99).toBeGreaterThan(0);
    expect(routes[1]).toMatchObject({ statuses: { "4xx": 1 }, refusals: { UNAUTHENTICATED: 1 } });
    expect(unrouted).toEqual({ ROUTE_NOT_FOUND: 1, REQUEST_MALFORMED: 1 });
  });
});
