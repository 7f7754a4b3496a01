import { once } from "node:events";
import { createServer } from "node:http";
import {
  type AddressInfo,
  connect,
  createServer as createConnections,
  type Server as Listener,
  type Socket,
} from "node:net";
import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { identityOf, scale } from "../../test/onnx-models.ts";
import { createInferenceServer, type InferenceServer } from "../infer/index.ts";
import type { ProtocolOptions } from "./options.ts";

/** The two ways of serving sockets, which answer alike. */
const ways = {
  "a listener of node:http": (options?: ProtocolOptions): Listener => createServer(server.listener(options)),
  "a listener for connections": (options?: ProtocolOptions): Listener =>
    createConnections(server.connectionListener(options)),
} as const;
type Way = keyof typeof ways;
const everyWay = Object.keys(ways) as Way[];

let server: InferenceServer;
const listeners: Map<Way, Listener> = new Map();
const sockets: Set<Socket> = new Set();

function addressOf(listener: Listener): AddressInfo {
  return listener.address() as AddressInfo;
}

async function listen(listener: Listener): Promise<number> {
  listener.on("connection", (socket: Socket) => sockets.add(socket.once("close", () => sockets.delete(socket))));
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return addressOf(listener).port;
}

beforeAll(async () => {
  server = createInferenceServer();
  await server.load("scale", { onnx: scale(2), version: "7" });
  await server.load("words", { onnx: identityOf(8) });
  await server.load("wide", { onnx: scale(3), batching: { maxBatchRows: 200_000 } });
  await server.load("held", { onnx: scale(2), batching: { maxDelayMs: 60_000 } });
  for (const way of everyWay) {
    const listener = ways[way]({ maxBodyBytes: 8_000_000, offloadBytes: 100_000 });
    await listen(listener);
    listeners.set(way, listener);
  }
});
afterAll(async () => {
  for (const listener of listeners.values()) listener.close();
  for (const socket of sockets) socket.destroy();
  await server[Symbol.asyncDispose]();
});

const input = { name: "x", datatype: "FP32", shape: [1, 2], data: [1, 2] };
const body = JSON.stringify({ inputs: [input] });
const portOf = (way: Way): number => addressOf(listeners.get(way) as Listener).port;
const postBy =
  (way: Way) =>
  (model: string, sent: BodyInit, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${portOf(way)}/v2/models/${model}/infer`, { method: "POST", body: sent, headers });

/** JSON with the bytes of a float tensor behind it. */
function binary(
  rows: number,
  values: ArrayLike<number>,
): { body: Uint8Array<ArrayBuffer>; headers: Record<string, string> } {
  const json = JSON.stringify({
    inputs: [{ name: "x", datatype: "FP32", shape: [rows, 2], parameters: { binary_data_size: values.length * 4 } }],
    parameters: { binary_data_output: true },
  });
  const bytes = Buffer.concat([Buffer.from(json), Buffer.from(Float32Array.from(values).buffer)]);
  return { body: new Uint8Array(bytes), headers: { "inference-header-content-length": String(json.length) } };
}

/** Requests as committed bytes: what is on the wire must not change unnoticed. */
const golden = {
  request: `7b22696e70757473223a5b7b226e616d65223a2278222c226461746174797065223a2246503332222c227368617065223a5b312c325d2c22706172616d6574657273223a7b2262696e6172795f646174615f73697a65223a387d7d5d2c22706172616d6574657273223a7b2262696e6172795f646174615f6f7574707574223a747275657d7d0000003f000000c0`,
  response: `7b226d6f64656c5f6e616d65223a227363616c65222c226d6f64656c5f76657273696f6e223a2237222c226f757470757473223a5b7b226e616d65223a2279222c227368617065223a5b312c325d2c226461746174797065223a2246503332222c22706172616d6574657273223a7b2262696e6172795f646174615f73697a65223a387d7d5d7d0000803f000080c0`,
};

describe.each(everyWay)("as %s", (way) => {
  const post = postBy(way);

  test("answers as the fetch handler does", async () => {
    const handler = server.handler();
    for (const [path, init] of [
      ["/v2", {}],
      ["/v2/models/scale?x=1", {}],
      ["/v2/models/absent", {}],
      ["/v2/models/%73cale/infer", { method: "POST", body }],
      ["/v2/models/%ff/infer", { method: "POST", body }],
      ["/v2/models/scale/infer", { method: "POST", body: "{" }],
      ["/v2/health/ready/", { method: "HEAD" }],
      ["/elsewhere", { method: "PUT" }],
    ] as const) {
      const direct = await handler(new Request(`http://localhost${path}`, init));
      const served = await fetch(`http://127.0.0.1:${portOf(way)}${path}`, init);
      expect([served.status, await served.text()]).toEqual([direct.status, await direct.text()]);
      expect(served.headers.get("content-type")).toBe(direct.headers.get("content-type"));
    }
  });

  test("letters of any language come back whole, and with the length that they have", async () => {
    const id = 'Grüße \u007f \ud83d\ude00 \u2028 "\\ \n';
    const words = { name: "x", datatype: "BYTES", shape: [1, 2], data: ["straße", "漢字"] };
    for (const [model, sent, data] of [
      ["scale", input, [2, 4]],
      ["words", words, words.data],
    ] as const) {
      const answer = await post(model, JSON.stringify({ id, inputs: [sent] }));
      const bytes = Buffer.from(await answer.arrayBuffer());
      expect(Number(answer.headers.get("content-length"))).toBe(bytes.byteLength);
      const { model_name: name, id: given, outputs } = JSON.parse(bytes.toString());
      expect([name, given, outputs[0].data]).toEqual([model, id, data]);
    }
  });

  test("golden bytes in give golden bytes", async () => {
    const headers = { "inference-header-content-length": "134" };
    const answer = await post("scale", new Uint8Array(Buffer.from(golden.request, "hex")), headers);
    expect(Buffer.from(await answer.arrayBuffer()).toString("hex")).toBe(golden.response);
    expect(answer.headers.get("inference-header-content-length")).toBe("135");
    expect(answer.headers.get("content-type")).toBe("application/octet-stream");
  });

  test("a body of bytes alone is the only input, and every output is binary", async () => {
    const raw = new Uint8Array(Float32Array.of(3, 4).buffer);
    const answer = await post("scale", raw, { "inference-header-content-length": "0" });
    const length = Number(answer.headers.get("inference-header-content-length"));
    expect(Buffer.from(await answer.arrayBuffer()).readFloatLE(length)).toBe(6);
    expect((await post("scale", new Uint8Array(7), { "inference-header-content-length": "0" })).status).toBe(400);
  });

  test.each([
    ["gzip", gzipSync(body)],
    ["deflate", deflateSync(body)],
    ["deflate", deflateRawSync(body)],
  ])("%s bodies are unpacked", async (encoding, packed) => {
    const answer = await post("scale", new Uint8Array(packed), { "content-encoding": encoding });
    expect(await answer.json()).toMatchObject({ outputs: [{ data: [2, 4] }] });
  });

  test("lengths that lie, bombs and noise are refused, and the next request is answered", async () => {
    const { body: good, headers } = binary(1, [1, 2]);
    const header = (length: string) => ({ "inference-header-content-length": length });
    const attempts: readonly (readonly [BodyInit, Record<string, string>, number])[] = [
      [good, header("99999"), 400],
      [good, header("-1"), 400],
      [good, header("5"), 400],
      [good.slice(0, -1), headers, 400],
      [new Uint8Array([...good, 0]), headers, 400],
      [new Uint8Array(gzipSync(Buffer.alloc(9_000_000))), { "content-encoding": "gzip" }, 413],
      [new Uint8Array(gzipSync(body).subarray(0, 20)), { "content-encoding": "gzip" }, 400],
      [" ".repeat(8_000_001), {}, 413],
      ["[".repeat(90_000), {}, 400],
      ["[".repeat(500_000), {}, 400],
      [
        `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":${"[".repeat(1000)}${"]".repeat(1000)}}]}`,
        {},
        400,
      ],
      [JSON.stringify({ inputs: [{ ...input, shape: [1, 2, 1, 1] }] }), {}, 400],
      [JSON.stringify({ inputs: [{ ...input, shape: [4_000_000_000, 4_000_000_000] }] }), {}, 400],
      [`{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[NaN,1]}]}`, {}, 400],
      [`{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1e999,1]}]}`, {}, 400],
      [new Uint8Array([0xff, 0xfe, 0x7b]), {}, 400],
    ];
    for (const [sent, sentHeaders, status] of attempts) {
      const answer = await post("scale", sent, sentHeaders);
      expect([answer.status, Object.keys((await answer.json()) as object)]).toEqual([status, ["error"]]);
    }
    expect((await post("scale", body)).status).toBe(200);
  });

  test("bodies and answers that are large go through a thread, and its errors come back as errors", async () => {
    const rows = 50_000;
    const data = Array.from({ length: rows * 2 }, (_, index) => index % 1000);
    const large = await post("wide", JSON.stringify({ inputs: [{ ...input, shape: [rows, 2], data }] }));
    const { outputs } = (await large.json()) as { outputs: { shape: number[]; data: number[] }[] };
    expect([outputs[0]?.shape, outputs[0]?.data.length, outputs[0]?.data[2999]]).toEqual([[rows, 2], rows * 2, 2997]);
    const wrong = await post("wide", JSON.stringify({ inputs: [{ ...input, shape: [rows, 3], data }] }));
    expect([wrong.status, await wrong.json()]).toMatchObject([
      400,
      { error: expect.stringContaining("holds") as string },
    ]);
    const { body: bytes, headers } = binary(rows, data);
    const answer = await post("wide", bytes, headers);
    const length = Number(answer.headers.get("inference-header-content-length"));
    expect(Buffer.from(await answer.arrayBuffer()).readFloatLE(length + 4 * 999)).toBe(2997);
  });
});

test("a large answer in binary is the same whichever way it goes out", async () => {
  const values = Array.from({ length: 40_000 }, (_, index) => index);
  const { body: bytes, headers } = binary(20_000, values);
  const path = "/v2/models/wide/infer";
  const served = await postBy("a listener of node:http")("wide", bytes, headers);
  const connected = await postBy("a listener for connections")("wide", bytes, headers);
  const direct = await server.handler()(
    new Request(`http://localhost${path}`, { method: "POST", body: bytes, headers }),
  );
  const event = { rawPath: path, requestContext: { http: { method: "POST" } }, headers, isBase64Encoded: true };
  const called = await server.lambda()({ ...event, body: Buffer.from(bytes).toString("base64") });
  const [first, ...others] = [
    Buffer.from(await served.arrayBuffer()),
    Buffer.from(await connected.arrayBuffer()),
    Buffer.from(await direct.arrayBuffer()),
    Buffer.from(called.body, "base64"),
  ];
  const length = Number(served.headers.get("inference-header-content-length"));
  expect([first?.byteLength, first?.readFloatLE(length + 4 * 39_999)]).toEqual([length + 160_000, 3 * 39_999]);
  for (const other of others) expect(Buffer.compare(other, first as Buffer)).toBe(0);
});

test("who reads a body beside the listener gets its bytes, whole and unchanged", async () => {
  const answer = server.listener();
  const seen: Buffer[] = [];
  const watched = createServer((request, response) => {
    answer(request, response);
    request.on("data", (piece: Buffer) => seen.push(piece));
  });
  const port = await listen(watched);
  const values = Array.from({ length: 100_000 }, (_, index) => index);
  const { body: bytes, headers } = binary(50_000, values);
  const url = `http://127.0.0.1:${port}/v2/models/wide/infer`;
  const reply = await fetch(url, { method: "POST", body: bytes, headers });
  expect(reply.status).toBe(200);
  expect(Buffer.compare(Buffer.concat(seen), bytes)).toBe(0);
  watched.closeAllConnections();
  watched.close();
});

test("no more than a bound waits for the thread of large bodies; a lone one always has room", async () => {
  const answer = server.lambda({ offloadBytes: 100, offloadMaxBytes: 4000 });
  const data = Array.from({ length: 400 }, (_, index) => index);
  const large = JSON.stringify({ inputs: [{ ...input, shape: [200, 2], data }] });
  const event = { rawPath: "/v2/models/wide/infer", requestContext: { http: { method: "POST" } }, body: large };
  const replies = await Promise.all(Array.from({ length: 6 }, () => answer(event)));
  const refused = replies.filter(({ statusCode }) => statusCode === 503);
  expect(replies.filter(({ statusCode }) => statusCode === 200).length).toBeGreaterThan(0);
  expect(refused.length).toBeGreaterThan(0);
  for (const { headers, body: text } of refused) {
    expect([headers["retry-after"], text]).toEqual(["1", expect.stringContaining("offloadMaxBytes")]);
  }
  expect((await answer(event)).statusCode).toBe(200);
  expect(() => server.lambda({ offloadMaxBytes: 0 })).toThrow("offloadMaxBytes");
});

describe.each(everyWay)("clients that do harm to %s", (way) => {
  const post = postBy(way);
  const open = async (): Promise<Socket> => {
    const socket = connect(portOf(way), "127.0.0.1");
    await once(socket, "connect");
    return socket;
  };
  const head = `POST /v2/models/scale/infer HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n`;

  test("one that sends a byte at a time is told 408, and holds up nobody", async () => {
    const impatient = ways[way]({ bodyTimeoutMs: 200 });
    const slow = connect(await listen(impatient), "127.0.0.1");
    slow.write(`${head}\r\n`);
    const drip = setInterval(() => slow.write("{"), 20);
    slow.once("close", () => clearInterval(drip));
    expect((await post("scale", body)).status).toBe(200);
    const [answer] = (await once(slow, "data")) as [Buffer];
    clearInterval(drip);
    slow.destroy();
    impatient.close();
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer.toString()).toContain("200 ms");
  });

  test("one that goes away takes its waiting request out of the queue", async () => {
    const gone = new AbortController();
    const url = `http://127.0.0.1:${portOf(way)}/v2/models/held/infer`;
    const waiting = fetch(url, { method: "POST", body, signal: gone.signal });
    const queued = (): number | undefined => server.statistics()["held"]?.queued;
    await expect.poll(queued, { timeout: 20_000 }).toBe(1);
    gone.abort();
    await expect(waiting).rejects.toThrow("abort");
    await expect.poll(queued, { timeout: 20_000 }).toBe(0);
  });

  test("one that reads its answer only when it has sent all of a body that nobody wants gets it", async () => {
    const bytes = 10_000_000;
    const unwanted = ["none", "scale"].map(async (model) => {
      const client = await open();
      client.pause();
      client.write(`POST /v2/models/${model}/infer HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n`);
      await new Promise<void>((sent, fail) =>
        client.write(Buffer.alloc(bytes), (error) => ((error ?? null) === null ? sent() : fail(error as Error))),
      );
      const [answer] = (await once(client.resume(), "data")) as [Buffer];
      await once(client, "close");
      return answer.toString().slice(9, 12);
    });
    expect(await Promise.all(unwanted)).toEqual(["404", "413"]);
  });

  test("one that goes away in the middle of its body leaves nothing behind", async () => {
    const socket = await open();
    socket.write(`${head}\r\n{"inp`);
    socket.destroy();
    expect((await post("scale", body)).status).toBe(200);
  });

  test("a full queue is told 503 with Retry-After", async () => {
    await server.load("full", { onnx: scale(2), batching: { maxDelayMs: 60_000, queueLimit: 1 } });
    const waiting = post("full", body);
    await expect.poll(() => server.statistics()["full"]?.queued, { timeout: 20_000 }).toBe(1);
    const refused = await post("full", body);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    await server.unload("full");
    expect((await waiting).status).toBe(200);
  });
});

describe("as a Lambda handler", () => {
  const event = (sent: string, isBase64Encoded: boolean, headers: Record<string, string> = {}) => ({
    rawPath: "/v2/models/scale/infer",
    requestContext: { http: { method: "POST" } },
    headers,
    body: sent,
    isBase64Encoded,
  });

  test("takes and gives text and base64", async () => {
    const lambda = server.lambda();
    const text = await lambda(event(body, false));
    expect([text.statusCode, text.isBase64Encoded, JSON.parse(text.body)]).toMatchObject([
      200,
      false,
      { outputs: [{ data: [2, 4] }] },
    ]);
    const { body: bytes, headers } = binary(1, [0.5, -2]);
    const upper = { "Inference-Header-Content-Length": headers["inference-header-content-length"] as string };
    const raw = await lambda(event(Buffer.from(bytes).toString("base64"), true, upper), {
      getRemainingTimeInMillis: () => 5000,
    });
    expect([raw.statusCode, raw.isBase64Encoded, raw.headers["content-type"]]).toEqual([
      200,
      true,
      "application/octet-stream",
    ]);
    expect(Buffer.from(raw.body, "base64").readFloatLE(Buffer.from(raw.body, "base64").length - 4)).toBe(-4);
    const live = await lambda({ rawPath: "/v2/health/live", requestContext: { http: { method: "GET" } } });
    expect(live).toMatchObject({ statusCode: 200, body: '{"live":true}' });
  });

  test("reads what REST APIs, load balancers and named stages send", async () => {
    const lambda = server.lambda();
    const { body: bytes, headers } = binary(1, [0.5, -2]);
    const sent = Buffer.from(bytes).toString("base64");
    const length = headers["inference-header-content-length"] as string;
    const proxy = { httpMethod: "POST", path: "/v2/models/scale/infer", body: sent, isBase64Encoded: true };
    const rest = await lambda({ ...proxy, headers: { "Inference-Header-Content-Length": length } });
    const lists = { "inference-header-content-length": [length], accept: ["*/*", "text/plain"] };
    const balanced = await lambda({ ...proxy, multiValueHeaders: lists });
    for (const answer of [rest, balanced]) {
      expect([
        answer.statusCode,
        Buffer.from(answer.body, "base64").readFloatLE(Buffer.from(answer.body, "base64").length - 4),
      ]).toEqual([200, -4]);
    }
    expect(rest.multiValueHeaders).toBeUndefined();
    expect(balanced.multiValueHeaders).toMatchObject({ "content-type": ["application/octet-stream"] });
    const live = await lambda({ httpMethod: "GET", path: "/v2/health/live", headers: null, body: null });
    expect(live).toMatchObject({ statusCode: 200, body: '{"live":true}' });
    const staged = (rawPath: string, stage: string) =>
      lambda({ rawPath, requestContext: { http: { method: "GET" }, stage } });
    expect((await staged("/prod/v2/health/live", "prod")).statusCode).toBe(200);
    expect((await staged("/v2/health/live", "$default")).statusCode).toBe(200);
    expect((await staged("/v2/v2", "v2")).statusCode).toBe(200);
    expect((await staged("/product/v2", "prod")).statusCode).toBe(404);
    await expect(lambda({ Records: [] } as never)).rejects.toMatchObject({ code: "PROTOCOL_REQUEST_INVALID" });
  });

  test("gives up before the platform ends it, and refuses bodies that are too large", async () => {
    const held = { ...event(body, false), rawPath: "/v2/models/held/infer" };
    const ended = await server.lambda()(held, { getRemainingTimeInMillis: () => 150 });
    expect([ended.statusCode, ended.headers["retry-after"]]).toEqual([503, "1"]);
    expect((await server.lambda({ maxBodyBytes: 10 })(event(body, false))).statusCode).toBe(413);
    expect(() => server.lambda({ maxBodyBytes: 0 })).toThrow("maxBodyBytes");
    expect(() => server.listener({ bodyTimeoutMs: 0 })).toThrow("bodyTimeoutMs");
  });
});
