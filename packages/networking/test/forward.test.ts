import type { RequestListener } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { balance, createGateway, type Gateway, type GatewayOptions } from "../src/index.ts";
import { startUpstream, type TestUpstream } from "./upstream.ts";

const started: AsyncDisposable[] = [];
let gateway: Gateway;

async function upstream(answer?: RequestListener): Promise<TestUpstream> {
  const server = await startUpstream(answer);
  started.push(server);
  return server;
}

async function serve(options: GatewayOptions): Promise<string> {
  gateway = createGateway(options);
  started.push({ [Symbol.asyncDispose]: () => gateway.close({ drainMs: 100 }) });
  const { port } = await gateway.listen({ port: 0 });
  return `http://127.0.0.1:${port}`;
}

afterEach(async () => {
  for (const one of started.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

const fails: RequestListener = (_, response) => response.writeHead(503).end("sick");
const code = async (response: Response): Promise<string> => ((await response.json()) as { code: string }).code;

describe("forwarding", () => {
  it("carries bodies of any length both ways, byte for byte", async () => {
    const echo = await upstream((request, response) => {
      response.writeHead(207, "Odd", {
        "x-kept": "1",
        connection: "x-gone",
        "x-gone": "1",
        "set-cookie": ["a=1", "b=2"],
      });
      response.end(`${request.method} ${request.headers["content-length"]}`);
    });
    const url = await serve({ routes: [{ path: "/**", to: balance.leastLoaded([echo.url]) }] });
    const body = "x".repeat(1_000_000);
    const response = await fetch(`${url}/a`, { method: "POST", body });
    expect([response.status, response.statusText, await response.text()]).toEqual([207, "Odd", "POST 1000000"]);
    expect(response.headers.get("x-kept")).toBe("1");
    expect(response.headers.has("x-gone")).toBe(false);
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    const stream = new Blob([body]).stream();
    await fetch(`${url}/b`, { method: "PUT", body: stream, duplex: "half" } as RequestInit);
    expect(echo.seen.map((seen) => seen.body === body)).toEqual([true, true]);
  });

  it("names the verified principal, and the time left", async () => {
    const server = await upstream();
    const verify = async (token: string) => ({ principal: `User::${token} ü%`, claims: {} });
    const url = await serve({
      routes: [{ path: "/", authenticate: { verify }, deadline: "5s", to: balance.leastLoaded([server.url]) }],
    });
    const headers = { authorization: "Bearer ada", "x-ashlar-principal": "User::root" };
    expect((await fetch(url, { headers })).status).toBe(200);
    const seen = server.seen[0]?.headers;
    expect(seen).toMatchObject({ "x-ashlar-principal": "User::ada%20%C3%BC%25" });
    expect(seen).not.toHaveProperty("authorization");
    expect(Number(seen?.["x-request-deadline-ms"])).toBeGreaterThan(1000);
    expect(Number(seen?.["x-request-deadline-ms"])).toBeLessThanOrEqual(5000);
  });

  it("answers 502 when nobody listens, and 504 when nobody answers in time", async () => {
    const silent = await upstream(() => {});
    const gone = await startUpstream();
    await gone[Symbol.asyncDispose]();
    const url = await serve({
      routes: [
        { path: "/gone", to: balance.leastLoaded([gone.url]) },
        { path: "/silent", deadline: "60ms", to: balance.leastLoaded([silent.url]) },
      ],
    });
    const failed = await fetch(`${url}/gone`);
    expect([failed.status, await code(failed)]).toEqual([502, "UPSTREAM_FAILED"]);
    const late = await fetch(`${url}/silent`);
    expect([late.status, await code(late)]).toEqual([504, "DEADLINE_EXCEEDED"]);
    expect(gateway.statistics().routes[1]?.upstreams[0]).toMatchObject({ failures: 1, outstanding: 0 });
  });

  it("answers 503 while every upstream is ejected", async () => {
    const sick = await upstream(fails);
    const outlier = { failures: 1, maxEjectionPercent: 100 };
    const url = await serve({ routes: [{ path: "/", to: balance.leastLoaded([sick.url], { outlier }) }] });
    expect(await (await fetch(url)).text()).toBe("sick");
    expect(await code(await fetch(url))).toBe("UPSTREAM_UNAVAILABLE");
  });

  it("breaks the response off when the upstream does", async () => {
    const server = await upstream((_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("half");
      setTimeout(() => response.destroy(), 20);
    });
    const url = await serve({ routes: [{ path: "/", to: balance.leastLoaded([server.url]) }] });
    await expect(fetch(url).then((response) => response.text())).rejects.toThrow("terminated");
    expect(gateway.statistics().routes[0]?.upstreams[0]).toMatchObject({ failures: 1, outstanding: 0 });
  });

  it("stops the upstream when the client goes away, without blaming it", async () => {
    const stopped = Promise.withResolvers<void>();
    const began = Promise.withResolvers<void>();
    const server = await upstream((_, response) => {
      response.once("close", () => stopped.resolve());
      began.resolve();
    });
    const url = await serve({ routes: [{ path: "/", to: balance.leastLoaded([server.url]) }] });
    const controller = new AbortController();
    const gone = fetch(url, { signal: controller.signal }).catch((error: unknown) => error);
    await began.promise;
    controller.abort();
    await Promise.all([gone, stopped.promise]);
    await expect
      .poll(() => gateway.statistics().routes[0]?.upstreams[0])
      .toMatchObject({ failures: 0, outstanding: 0 });
  });

  it("takes any balancer", async () => {
    const servers = [await upstream(), await upstream()];
    let turn = 0;
    const roundRobin = {
      urls: servers.map((server) => server.url),
      acquire: () => ({ url: servers[turn++ % servers.length]?.url as string, release: () => {} }),
      statistics: () => [],
    };
    const url = await serve({ routes: [{ path: "/", to: roundRobin }] });
    for (let request = 0; request < 10; request += 1) await (await fetch(url)).text();
    expect(servers.map((server) => server.seen.length)).toEqual([5, 5]);
  });
});

describe("retries", () => {
  it("hide a sick upstream from clients, and it is left alone after a while", async () => {
    const [sick, well] = [await upstream(fails), await upstream()];
    const url = await serve({
      routes: [{ path: "/", to: balance.leastLoaded([sick.url, well.url]), retry: { budget: 1 } }],
    });
    for (let request = 0; request < 60; request += 1) expect((await fetch(url)).status).toBe(200);
    expect(sick.seen).toHaveLength(5);
    expect(gateway.statistics().routes[0]).toMatchObject({ retries: 5, statuses: { "2xx": 60 } });
  });

  it("also cover an upstream that does not listen any more", async () => {
    const [gone, well] = [await startUpstream(), await upstream()];
    await gone[Symbol.asyncDispose]();
    const url = await serve({
      routes: [{ path: "/", to: balance.leastLoaded([gone.url, well.url]), retry: { budget: 1 } }],
    });
    for (let request = 0; request < 20; request += 1) expect((await fetch(url)).status).toBe(200);
  });

  it("are never made for what may not be done twice, nor beyond the budget", async () => {
    const sick = await upstream(fails);
    const to = balance.leastLoaded([sick.url]);
    const url = await serve({
      routes: [
        { path: "/some", to, retry: { budget: 0.1, reserve: 0 } },
        { path: "/**", to, retry: { budget: 1 } },
      ],
    });
    expect((await fetch(url, { method: "POST" })).status).toBe(503);
    expect((await fetch(url, { method: "PUT", body: "x" })).status).toBe(503);
    expect(sick.seen).toHaveLength(2);
    for (let request = 0; request < 50; request += 1) expect((await fetch(`${url}/some`)).status).toBe(503);
    expect(sick.seen).toHaveLength(2 + 50 + 5);
  });
});
