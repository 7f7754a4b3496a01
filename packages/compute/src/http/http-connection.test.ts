import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, connect, createServer as createConnections, type Server, type Socket } from "node:net";

import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";

import { scale } from "../../test/onnx-models.ts";
import { createInferenceServer, type InferenceServer } from "../infer/index.ts";
import type { ConnectionOptions } from "./connection-listener.ts";

let server: InferenceServer;
const sockets: Set<Socket> = new Set();
const listeners: Server[] = [];
beforeAll(async () => {
  server = createInferenceServer();
  await server.load("scale", { onnx: scale(2), version: "7" });
  await server.load("held", { onnx: scale(2), batching: { maxDelayMs: 60_000 } });
});
afterAll(async () => {
  for (const listener of listeners) listener.close();
  for (const socket of sockets) socket.destroy();
  await server[Symbol.asyncDispose]();
});

async function listen(listener: Server | HttpServer): Promise<number> {
  listeners.push(listener);
  listener.on("connection", (socket: Socket) => sockets.add(socket.once("close", () => sockets.delete(socket))));
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return (listener.address() as AddressInfo).port;
}

const connections = (options?: ConnectionOptions): Promise<number> =>
  listen(createConnections(server.connectionListener(options)));

async function open(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.setNoDelay(true).on("error", () => {});
  await once(socket, "connect");
  return socket;
}

function inferRequest(model: string, data: readonly number[], padding = 0): Buffer {
  const input = { name: "x", datatype: "FP32", shape: [data.length / 2, 2], data };
  const body = `${JSON.stringify({ inputs: [input] })}${" ".repeat(padding)}`;
  const head = `POST /v2/models/${model}/infer HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`;
  return Buffer.from(head + body);
}

/** Reads so many responses, or those that come before the end; each as its status, and its body where it has one. */
async function responses(socket: Socket, requests: readonly { readonly head: boolean }[]): Promise<string[]> {
  const found: string[] = [];
  let bytes = Buffer.alloc(0);
  const { promise, resolve } = Promise.withResolvers<string[]>();
  socket.on("close", () => resolve(found));
  socket.on("data", (piece: Buffer) => {
    bytes = Buffer.concat([bytes, piece]);
    for (let end = bytes.indexOf("\r\n\r\n"); end >= 0; end = bytes.indexOf("\r\n\r\n")) {
      const head = bytes.toString("latin1", 0, end + 2);
      const expected = requests[found.length]?.head === true ? 0 : (/\ncontent-length: (\d+)\r/i.exec(head)?.[1] ?? 0);
      const whole = end + 4 + Number(expected);
      if (bytes.byteLength < whole) break;
      found.push(`${head.slice(0, head.indexOf("\r"))} ${bytes.toString("utf8", end + 4, whole)}`);
      bytes = bytes.subarray(whole);
    }
    if (found.length === requests.length) resolve(found);
  });
  return promise;
}

/** Requests of the plain form, and others that end in `node:http` with their connection. */
const request = fc.oneof(
  { weight: 6, arbitrary: fc.nat(99).map((x) => ({ head: false, bytes: inferRequest("scale", [x, -x]) })) },
  {
    weight: 1,
    arbitrary: fc.nat(200_000).map((padding) => ({ head: false, bytes: inferRequest("scale", [1, 2], padding) })),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      { head: false, bytes: Buffer.from("GET /v2/models/scale HTTP/1.1\r\nHost: a\r\n\r\n") },
      { head: true, bytes: Buffer.from("HEAD /v2/health/ready HTTP/1.1\r\nHost: a\r\n\r\n") },
      { head: false, bytes: Buffer.from("GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n") },
      { head: false, bytes: Buffer.from("GET /v2/models/absent HTTP/1.1\r\nHost: a\r\n\r\n") },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constant({
      head: false,
      bytes: Buffer.from(
        "POST /v2/models/scale/infer HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
      ),
    }),
  },
);

test("requests one behind the other, cut anywhere, get the answers that node:http gives, in their order", async () => {
  const ports = await Promise.all([connections(), listen(createServer(server.listener()))]);
  const run = async (port: number, requests: readonly { head: boolean; bytes: Buffer }[], cuts: readonly number[]) => {
    const socket = await open(port);
    const answers = responses(socket, requests);
    const bytes = Buffer.concat(requests.map((each) => each.bytes));
    let start = 0;
    for (const cut of [...cuts, 1].map((share) => Math.floor(share * bytes.byteLength))) {
      socket.write(bytes.subarray(start, cut));
      start = cut;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const found = await answers;
    socket.destroy();
    return found;
  };
  const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 8 }), cuts, async (requests, shares) => {
      const sorted = shares.toSorted((a, b) => a - b);
      const [ours, theirs] = await Promise.all(ports.map((port) => run(port, requests, sorted)));
      expect(ours).toEqual(theirs);
    }),
    { numRuns: 60 },
  );
});

test("requests with letters changed, left out or put in get what node:http gives them, and harm nobody", async () => {
  const ports = await Promise.all([connections(), listen(createServer(server.listener()))]);
  const [change] = fc.sample(
    fc.array(fc.tuple(fc.constantFrom("change", "leave out", "put in"), fc.nat(160), fc.nat(255)), {
      minLength: 200,
      maxLength: 200,
    }),
    { numRuns: 1 },
  );
  const plain = inferRequest("scale", [1, 2]);
  const altered = (change ?? []).map(([how, place, letter]) => {
    const [before, after] = [plain.subarray(0, place), plain.subarray(how === "put in" ? place : place + 1)];
    return Buffer.concat([before, how === "leave out" ? Buffer.alloc(0) : Buffer.of(letter), after]);
  });
  /** What comes until the connection is closed, or nothing more comes. */
  const everyResponse = async (port: number, bytes: Buffer): Promise<string[]> => {
    const socket = await open(port);
    const patience = setTimeout(() => socket.destroy(), 3000);
    socket.write(bytes);
    const found = await responses(
      socket,
      Array.from({ length: 3 }, () => ({ head: false })),
    );
    clearTimeout(patience);
    socket.destroy();
    return found;
  };
  /** The parser of `node:http` forgets the request before one that it refuses; nothing is said of what waits for more. */
  const comparable = ([ours, theirs]: readonly string[][]): readonly (readonly string[])[] => {
    if (ours?.length === 0 || theirs?.length === 0) return [[], []];
    const refused = theirs?.includes("HTTP/1.1 400 Bad Request ") === true;
    return [ours, theirs].map((each = []) => (refused ? each.slice(-1) : each));
  };
  const compare = async (bytes: Buffer): Promise<void> => {
    const [ours, theirs] = comparable(await Promise.all(ports.map((port) => everyResponse(port, bytes))));
    expect([bytes.toString("latin1"), ours]).toEqual([bytes.toString("latin1"), theirs]);
  };
  await Promise.all(altered.map(compare));
  expect(await everyResponse(ports[0] as number, plain)).toEqual([expect.stringContaining(`"data":[2,4]`)]);
});

test("a client that reads nothing is not read without end", async () => {
  const socket = await open(await connections());
  socket.pause();
  const metadata = "GET /v2/models/scale HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
  let written = 0;
  while (written < 400 && socket.write(metadata)) written++;
  for (let round = 0; round < 50; round++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    if (socket.writableLength > 0) socket.write(metadata);
  }
  const [serving] = [...sockets].slice(-1);
  expect(serving?.writableLength).toBeLessThan(200_000);
  socket.destroy();
});

test("an idle connection is closed, also before its first request, and not while an answer is owed", async () => {
  const port = await connections({ keepAliveTimeoutMs: 200 });
  const [silent, used, waiting] = await Promise.all([open(port), open(port), open(port)]);
  used.write(inferRequest("scale", [1, 2]));
  waiting.write(inferRequest("held", [1, 2]));
  const [answer] = (await once(used, "data")) as [Buffer];
  expect(answer.toString()).toContain("keep-alive: timeout=0");
  waiting.on("close", () => expect.unreachable("an answer is owed on it"));
  silent.resume();
  await Promise.all([once(silent, "close"), once(used, "close")]);
  expect(server.statistics()["held"]?.queued).toBe(1);
  waiting.removeAllListeners("close").destroy();
});

test("what is refused before its body has come ends the connection, after the answer", async () => {
  const socket = await open(await connections({ maxBodyBytes: 100 }));
  socket.write("POST /v2/models/scale/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n{");
  const pieces = (await socket.toArray()) as Buffer[];
  expect(Buffer.concat(pieces).toString()).toMatch(/^HTTP\/1\.1 413 [^]*connection: close\r\n[^]*"error"/);
});

test("other paths are answered by the caller's own listener, and so are all later requests of their connection", async () => {
  const port = await connections({ otherwise: (request, response) => response.end(`own ${request.url}`) });
  const socket = await open(port);
  const requests = ["/v2", "/own", "/metrics", "/v2x"];
  for (const path of requests) socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const found = await responses(
    socket,
    requests.map(() => ({ head: false })),
  );
  expect(found[0]).toContain(`"name":"ashlar"`);
  expect(found[1]).toBe("HTTP/1.1 200 OK own /own");
  expect(found[2]).toContain("nv_inference_request_success");
  expect(found[3]).toBe("HTTP/1.1 200 OK own /v2x");
  socket.destroy();
});

test("closeIdleConnections closes the connections that wait for nothing, whoever answers on them", async () => {
  const listener = server.connectionListener();
  const port = await listen(createConnections(listener));
  const [plain, unusual, waiting] = await Promise.all([open(port), open(port), open(port)]);
  plain.write(inferRequest("scale", [1, 2]));
  unusual.write("OPTIONS /v2 HTTP/1.1\r\nHost: a\r\n\r\n");
  waiting.write(inferRequest("held", [3, 4]));
  await Promise.all([once(plain, "data"), once(unusual, "data")]);
  await expect.poll(() => server.statistics()["held"]?.queued, { timeout: 20_000 }).toBe(1);
  const closed = Promise.all([once(plain, "close"), once(unusual, "close")]);
  plain.resume();
  unusual.resume();
  listener.closeIdleConnections();
  await closed;
  expect(waiting.readyState).toBe("open");
  waiting.destroy();
});

test("times that are none are refused", () => {
  expect(() => server.connectionListener({ keepAliveTimeoutMs: 0 })).toThrow("keepAliveTimeoutMs");
});
