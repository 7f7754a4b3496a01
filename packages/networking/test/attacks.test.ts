import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { balance, createGateway, type Gateway } from "../src/index.ts";
import { rawRequest } from "./raw-request.ts";
import { startUpstream, type TestUpstream } from "./upstream.ts";

let upstream: TestUpstream;
let gateway: Gateway;
let port: number;

beforeAll(async () => {
  upstream = await startUpstream();
  gateway = createGateway({
    routes: [{ path: "/**", to: balance.leastLoaded([upstream.url]), maxBodyBytes: 1000 }],
    stripHeaders: ["x-user"],
    maxHeaders: 20,
    headersTimeout: "300ms",
    requestTimeout: "600ms",
  });
  ({ port } = await gateway.listen({ port: 0 }));
});

afterAll(async () => {
  await gateway.close({ drainMs: 100 });
  await upstream[Symbol.asyncDispose]();
});

const head = (line: string, ...fields: string[]): string => `${[line, ...fields].join("\r\n")}\r\n\r\n`;
const get = (target: string): string => head(`GET ${target} HTTP/1.1`, "Host: a", "Connection: close");
const post = (...fields: string[]): string => head("POST /a HTTP/1.1", "Host: a", "Connection: close", ...fields);
const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
const chunked = "Transfer-Encoding: chunked";

describe("requests that two servers could read in two ways", () => {
  it.each<[name: string, bytes: string]>([
    // Framing (CL.TE, TE.CL, TE.TE and their relatives).
    ["CL and TE", `${post("Content-Length: 5", chunked)}0\r\n\r\n${smuggled}`],
    ["TE and CL", `${post(chunked, "Content-Length: 5")}0\r\n\r\n${smuggled}`],
    ["two TE", `${post(chunked, chunked)}0\r\n\r\n`],
    ["TE identity", `${post("Transfer-Encoding: identity")}hello`],
    ["TE chunked, identity", `${post("Transfer-Encoding: chunked, identity")}0\r\n\r\n`],
    ["TE gzip, chunked", `${post("Transfer-Encoding: gzip, chunked")}0\r\n\r\n`],
    ["TE xchunked", `${post("Transfer-Encoding: xchunked")}0\r\n\r\n`],
    ["TE with a vertical tab", `${post("Transfer-Encoding: \x0bchunked")}0\r\n\r\n`],
    ["space before the colon of TE", `${post("Transfer-Encoding : chunked")}0\r\n\r\n`],
    ["TE in HTTP/1.0", `${head("POST /a HTTP/1.0", "Host: a", chunked)}0\r\n\r\n`],
    ["two equal CL", `${post("Content-Length: 5", "Content-Length: 5")}hello`],
    ["two different CL", `${post("Content-Length: 5", "Content-Length: 6")}hello`],
    ["a list of CL", `${post("Content-Length: 5, 5")}hello`],
    ["CL +5", `${post("Content-Length: +5")}hello`],
    ["CL -5", `${post("Content-Length: -5")}hello`],
    ["CL 0x5", `${post("Content-Length: 0x5")}hello`],
    ["CL 5_0", `${post("Content-Length: 5_0")}hello`],
    ["CL too large for any number", post("Content-Length: 99999999999999999999")],
    ["empty CL", `${post("Content-Length:")}hello`],
    ["a chunk size with a sign", `${post(chunked)}+5\r\nhello\r\n0\r\n\r\n`],
    ["a chunk size in 0x", `${post(chunked)}0x5\r\nhello\r\n0\r\n\r\n`],
    ["a chunk size too large", `${post(chunked)}ffffffffffffffffff\r\n`],
    ["a chunk longer than its size", `${post(chunked)}4\r\nhello\r\n0\r\n\r\n`],
    ["a chunk ended by a bare LF", `${post(chunked)}5\nhello\n0\n\n`],
    ["a body of GET", `${head("GET /a HTTP/1.1", "Host: a", "Content-Length: 5")}hello`],
    ["a chunked body of GET", `${head("GET /a HTTP/1.1", "Host: a", chunked)}0\r\n\r\n`],
    ["a body of HEAD", `${head("HEAD /a HTTP/1.1", "Host: a", "Content-Length: 5")}hello`],
    // The head.
    ["two Host", head("GET /a HTTP/1.1", "Host: a", "Host: b")],
    ["two equal Host", head("GET /a HTTP/1.1", "Host: a", "Host: a")],
    ["no Host", head("GET /a HTTP/1.1", "Accept: */*")],
    ["no Host in HTTP/1.0", head("GET /a HTTP/1.0", "Accept: */*")],
    ["an empty Host", head("GET /a HTTP/1.1", "Host:")],
    ["a Host with a user", head("GET /a HTTP/1.1", "Host: a@b")],
    ["a Host with a path", head("GET /a HTTP/1.1", "Host: a/b")],
    ["a Host with a list", head("GET /a HTTP/1.1", "Host: a, b")],
    ["absolute form with another host", head("GET http://b/a HTTP/1.1", "Host: a")],
    ["absolute form with a user", head("GET http://a@b/a HTTP/1.1", "Host: b")],
    ["absolute form of another scheme", head("GET ftp://a/a HTTP/1.1", "Host: a")],
    ["a folded field", head("GET /a HTTP/1.1", "Host: a", "X-A: 1", " folded")],
    ["a field ended by a bare CR", head("GET /a HTTP/1.1", "Host: a", "X-A: 1\rX-B: 2")],
    ["a NUL in a field", head("GET /a HTTP/1.1", "Host: a", "X-A: 1\0")],
    ["a space in a field name", head("GET /a HTTP/1.1", "Host: a", "X A: 1")],
    ["a field without a name", head("GET /a HTTP/1.1", "Host: a", ": 1")],
    ["two Authorization", head("GET /a HTTP/1.1", "Host: a", "Authorization: Bearer x", "Authorization: Bearer y")],
    ["an unknown version", head("GET /a HTTP/9.9", "Host: a")],
    ["no version", "GET /a\r\nHost: a\r\n\r\n"],
    ["HTTP/2 prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["a TLS greeting", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
    ["TRACE", head("TRACE /a HTTP/1.1", "Host: a")],
    ["CONNECT", head("CONNECT a:80 HTTP/1.1", "Host: a:80")],
    ["the asterisk", head("OPTIONS * HTTP/1.1", "Host: a")],
    // A Connection field that would make the gateway drop what the upstream decides by.
    ["Connection: host", head("GET /a HTTP/1.1", "Host: a", "Connection: host")],
    ["Connection: authorization", head("GET /a HTTP/1.1", "Host: a", "Connection: close, Authorization")],
    [
      "Connection: content-length",
      `${head("POST /a HTTP/1.1", "Host: a", "Connection: content-length", "Content-Length: 5")}hello`,
    ],
    // Paths.
    ...["/%2e%2e/admin", "/a/%2e%2e/admin", "/a/../admin", "/a/./b", "/a%2fadmin", "/a%5cadmin", "/a\\..\\admin"].map(
      (path): [string, string] => [path, get(path)],
    ),
    ...["//admin", "/a//admin", "/a;b", "/..;/admin", "/a%00", "/a%0d%0aX-A:%201", "/%252e%252e/admin"].map(
      (path): [string, string] => [path, get(path)],
    ),
    ...["/%c0%ae%c0%ae/admin", "/%e0%80%af", "/%ed%a0%80", "/a#admin", "/a?b#c", "/%zz", "/%", "/caf\xe9", "/a\tb"].map(
      (path): [string, string] => [path, get(path)],
    ),
  ])("answers %s with 400 and forwards nothing", async (_, bytes) => {
    const before = upstream.seen.length;
    const { statuses, text } = await rawRequest(port, bytes);
    expect(statuses, text).toEqual([400]);
    expect(upstream.seen).toHaveLength(before);
  });

  it.each<[name: string, status: number, bytes: string | readonly string[], code?: string]>([
    ["a plain request", 200, get("/a")],
    ["absolute form with the same host", 200, head("GET http://A/a HTTP/1.1", "Host: a", "Connection: close")],
    ["HTTP/1.0 with Host", 200, head("GET /a HTTP/1.0", "Host: a")],
    ["a body in chunks, extended and with trailers", 200, `${post(chunked)}5;x=y\r\nhello\r\n0\r\nX-T: 1\r\n\r\n`],
    ["a body in odd pieces", 200, [...`${post("Content-Length: 5")}hello`]],
    [
      "an Upgrade that is not taken",
      200,
      head("GET /a HTTP/1.1", "Host: a", "Connection: upgrade, close", "Upgrade: h2c"),
    ],
    ["another expectation", 417, post("Content-Length: 5", "Expect: 200-ok"), "EXPECTATION_FAILED"],
    ["a body longer than allowed", 413, post("Content-Length: 1001")],
    ["chunks longer than allowed", 413, `${post(chunked)}3e9\r\n${"x".repeat(1001)}\r\n0\r\n\r\n`],
    [
      "too many fields",
      431,
      head("GET /a HTTP/1.1", "Host: a", ...Array.from({ length: 25 }, (_, n) => `X-${n}: 1`)),
      "HEADERS_TOO_LARGE",
    ],
    ["a field too long", 431, head("GET /a HTTP/1.1", "Host: a", `X-A: ${"a".repeat(20_000)}`), "HEADERS_TOO_LARGE"],
    ["a target too long", 431, get(`/${"a".repeat(20_000)}`), "HEADERS_TOO_LARGE"],
    ["half a head, then silence", 408, "GET /a HTTP/1.1\r\nHost: a\r\nX-A", "REQUEST_TIMEOUT"],
    ["half a body, then silence", 408, `${post("Content-Length: 5")}he`, "REQUEST_TIMEOUT"],
  ])("answers %s with %d", async (_, status, bytes, code) => {
    const { statuses, text } = await rawRequest(port, bytes, 1500);
    expect(statuses, text).toEqual([status]);
    const body: unknown = code === undefined ? {} : JSON.parse(text.slice(text.indexOf("\r\n\r\n")));
    expect(body).toMatchObject(code === undefined ? {} : { code });
  });

  it("sends 100 before the body of a client that asks first, and not when it refuses", async () => {
    const accepted = await rawRequest(port, [post("Content-Length: 5", "Expect: 100-continue"), "hello"], 1000);
    expect(accepted.statuses).toEqual([100, 200]);
    const refused = await rawRequest(port, post("Content-Length: 5000", "Expect: 100-continue"), 1500);
    expect(refused.statuses).toEqual([413]);
  });

  it("answers pipelined requests in order, and refuses the rest after a bad one", async () => {
    const good = head("GET /a HTTP/1.1", "Host: a");
    const two = await rawRequest(port, good + good, 300);
    expect(two.statuses).toEqual([200, 200]);
    const mixed = await rawRequest(port, good + get("/a/../b"), 300);
    expect(mixed.statuses).toEqual([200, 400]);
  });
});

describe("what reaches the upstream", () => {
  const forwarded = async (...fields: string[]) => {
    const { statuses } = await rawRequest(port, head("GET /%61?q=%2e HTTP/1.1", "Host: a:80", ...fields), 300);
    expect(statuses).toEqual([200]);
    return upstream.seen.at(-1) as TestUpstream["seen"][number];
  };

  it("is the canonical path, with the query untouched", async () => {
    expect((await forwarded()).url).toBe("/a?q=%2e");
  });

  it("has no hop-by-hop field, nor one that Connection names", async () => {
    const { headers } = await forwarded(
      "Connection: x-hop, keep-alive, x-forwarded-for, x-ashlar-principal",
      "X-Hop: 1",
      "Keep-Alive: timeout=5",
      "Proxy-Authorization: Basic eDp5",
      "Proxy-Connection: keep-alive",
      "TE: trailers",
      "Trailer: X-T",
      "X-Kept: 1",
    );
    expect(headers).toMatchObject({ "x-kept": "1", "x-forwarded-for": "127.0.0.1" });
    for (const name of ["x-hop", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer"]) {
      expect(headers).not.toHaveProperty(name);
    }
  });

  it("has the gateway's word on the client, never the client's own", async () => {
    const { rawHeaders, headers } = await forwarded(
      "X-Forwarded-For: 10.9.9.9",
      "X_Forwarded_For: 10.9.9.9",
      "X-Forwarded_Host: evil",
      "X-Forwarded-Client-Cert: evil",
      "Forwarded: for=10.9.9.9",
      "X-Real-IP: 10.9.9.9",
      "X-Ashlar-Principal: User::root",
      "X_ASHLAR_PRINCIPAL: User::root",
      "x-request-deadline-ms: 1",
      "X-Original-URL: /admin",
      "X-User: root",
      "X_User: root",
    );
    expect(headers).toMatchObject({
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-host": "a:80",
    });
    const all = rawHeaders.join("\n");
    for (const claim of ["10.9.9.9", "evil", "root", "admin", "deadline"]) expect(all).not.toContain(claim);
  });

  it("ends in error, not as a whole request, when the client breaks off", async () => {
    const before = upstream.seen.length;
    await rawRequest(port, `${post("Content-Length: 500")}only part`, 1000);
    await rawRequest(port, `${post(chunked)}5\r\nhello\r\nbroken`, 1000);
    expect(upstream.seen).toHaveLength(before);
    expect((await rawRequest(port, get("/a"))).statuses).toEqual([200]);
  });
});
