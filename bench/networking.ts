import { fork } from "node:child_process";
import { Agent, createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { balance, createGateway, rateLimiter } from "@ashlar/networking";
import { rate, type Suite } from "./harness.ts";

const text = "x".repeat(1024);
const connections = 32;
const milliseconds = 700;

/** Requests over loopback, 32 connections kept busy by a process of its own, 1 KiB answers. */
export const networking: Suite = async ({ pair }) => {
  const bare = createServer((_, response) => response.end(text));
  const upstream = await listen(bare);
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const proxy = createServer((incoming, response) => {
    const options = { port: upstream, agent, method: incoming.method, path: incoming.url, headers: incoming.headers };
    const forwarded = request(options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    forwarded.on("error", () => response.writeHead(502).end());
    incoming.pipe(forwarded);
  });
  const proxied = await listen(proxy);
  await using gateway = createGateway({
    routes: [
      { path: "/handler", to: () => new Response(text) },
      {
        path: "/limited",
        limit: { rate: "1000000/s", by: "address" },
        deadline: "5s",
        to: () => new Response(text),
      },
      { path: "/forwarded", to: balance.leastLoaded([`http://127.0.0.1:${upstream}`]) },
    ],
  });
  const { port } = await gateway.listen({ port: 0 });

  await pair({
    name: "gateway before a handler",
    unit: "requests/s",
    peerName: "bare node:http",
    rounds: 3,
    ours: () => requestsPerSecond(port, "/handler"),
    peer: () => requestsPerSecond(upstream, "/"),
  });
  await pair({
    name: "gateway before a handler, rate limit and deadline",
    unit: "requests/s",
    peerName: "bare node:http",
    rounds: 3,
    ours: () => requestsPerSecond(port, "/limited"),
    peer: () => requestsPerSecond(upstream, "/"),
  });
  await pair({
    name: "gateway forwarding to an upstream in the same process",
    unit: "requests/s",
    peerName: "node:http proxy, http.request with keep-alive",
    rounds: 3,
    ours: () => requestsPerSecond(port, "/forwarded"),
    peer: () => requestsPerSecond(proxied, "/"),
  });
  for (const server of [proxy, bare]) close(server);
  agent.destroy();

  const limiter = rateLimiter({ rate: "1000000/s" });
  const taken = new Map<string, number>();
  const keys = Array.from({ length: 200 }, (_, i) => `10.0.${i}.1`);
  await pair({
    name: "rate limiter, 200 keys",
    unit: "decisions/s",
    peerName: "counters in a Map, no window",
    ours: () => rate(() => keys.forEach((key) => limiter.take(key)), { units: keys.length }),
    peer: () => rate(() => keys.forEach((key) => taken.set(key, (taken.get(key) ?? 0) + 1)), { units: keys.length }),
  });
};

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

function close(server: Server): void {
  server.closeAllConnections();
  server.close();
}

/** A client process of its own, so that its work is not counted as the server's. */
function requestsPerSecond(port: number, path: string): Promise<number> {
  const options = [port, path, connections, milliseconds].map(String);
  const child = fork(new URL("./http-load.ts", import.meta.url), options);
  return new Promise((resolve, reject) => {
    child.once("message", ({ answers, failures }: { answers: number; failures: number }) => {
      if (failures > 0) reject(new Error(`${failures} requests of ${path} failed`));
      else resolve((answers * 1000) / milliseconds);
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the client of ${path} ended with ${code} and no answer`)));
  });
}
