import { fork } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { balance, createGateway, rateLimiter, type RateLimiter } from "@ashlar/networking";

/**
 * Requests a second and CPU time for each request over loopback: a bare node:http server, then the gateway with a
 * handler, with a limit and a deadline, and forwarding to the bare server of this process. Run it with
 * `node --conditions=@ashlar/source packages/networking/test/measure.ts`.
 */
const seconds = Number(process.argv[2] ?? 3);
const text = "x".repeat(1024);

interface Row {
  readonly name: string;
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
}

async function load(name: string, port: number, path: string): Promise<Row> {
  await client(port, path, 500);
  const before = process.cpuUsage();
  const answers = await client(port, path, seconds * 1000);
  const used = process.cpuUsage(before);
  return { name, perSecond: answers / seconds, cpuMicroseconds: (used.user + used.system) / answers };
}

function client(port: number, path: string, milliseconds: number): Promise<number> {
  const child = fork(new URL("./load.ts", import.meta.url), [String(port), path, "32", String(milliseconds)]);
  return new Promise((resolve, reject) => {
    child.once("message", (message) => {
      const { answers, failures } = message as { answers: number; failures: number };
      if (failures > 0) reject(new Error(`${failures} of ${path} failed`));
      else resolve(answers);
    });
    child.once("error", reject);
  });
}

function limiterRow(name: string, limiter: RateLimiter, keys: number): Row {
  const count = 1_000_000;
  const before = process.cpuUsage();
  const begun = performance.now();
  for (let index = 0; index < count; index += 1) limiter.take(`10.0.${index % keys}.1`);
  const used = process.cpuUsage(before);
  const perSecond = count / ((performance.now() - begun) / 1000);
  return { name, perSecond, cpuMicroseconds: (used.user + used.system) / count };
}

const bare = createServer((_, response) => response.end(text));
await new Promise<void>((resolve) => bare.listen(0, "127.0.0.1", resolve));
const upstream = (bare.address() as AddressInfo).port;
const handler = (): Response => new Response(text);
await using gateway = createGateway({
  routes: [
    { path: "/handler", to: handler },
    { path: "/limited", limit: { rate: "1000000/s", by: "address" }, deadline: "5s", to: handler },
    { path: "/forwarded", to: balance.leastLoaded([`http://127.0.0.1:${upstream}`]) },
  ],
});
const { port } = await gateway.listen({ port: 0 });

const rows: Row[] = [
  await load("bare node:http", upstream, "/"),
  await load("gateway, handler", port, "/handler"),
  await load("gateway, handler, rate limit and deadline", port, "/limited"),
  await load("gateway, forwarding (upstream in the same process)", port, "/forwarded"),
  limiterRow("rate limiter, 200 keys", rateLimiter({ rate: "1000000/s" }), 200),
];
bare.closeAllConnections();
bare.close();
for (const { name, perSecond, cpuMicroseconds } of rows) {
  process.stdout.write(
    `${name.padEnd(52)} ${perSecond.toFixed(0).padStart(9)}/s ${cpuMicroseconds.toFixed(2).padStart(8)} µs CPU\n`,
  );
}
