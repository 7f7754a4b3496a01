import { createServer, type IncomingMessage } from "node:http";
import { duplexPair } from "node:stream";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { readRequestHead, type RequestHead, RequestHeadReader } from "./request-head.ts";

const host = "Host: a";
const read = (...lines: string[]): RequestHead | null =>
  readRequestHead(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"));

/** What `node:http` makes of the same bytes; `null` when it refuses them, or waits for more. */
async function byNode(bytes: Buffer): Promise<Pick<IncomingMessage, "method" | "url" | "headers"> | null> {
  const server = createServer();
  const [near, far] = duplexPair();
  far.on("error", () => {});
  near.on("error", () => {});
  return new Promise((resolve) => {
    server.on("request", ({ method, url, headers }) => resolve({ method, url, headers } as IncomingMessage));
    server.on("checkContinue", () => resolve(null)).on("checkExpectation", () => resolve(null));
    server.on("upgrade", () => resolve(null)).on("clientError", () => resolve(null));
    server.emit("connection", near);
    far.write(bytes);
    setImmediate(() => setImmediate(() => resolve(null)));
  });
}

describe("the head of a request", () => {
  test("gives method, path, length and fields", () => {
    const head = read("POST /v2/models/m/infer?a=b HTTP/1.1", host, "Content-Length:  12\t", "X-Y: 1", "x-y: 2 ");
    expect(head).toMatchObject({ method: "POST", path: "/v2/models/m/infer", contentLength: 12 });
    expect([head?.header("x-y"), head?.header("absent")]).toEqual(["1, 2", undefined]);
    expect(read("GET /v2 HTTP/1.1", host, "Connection: Keep-Alive")).toMatchObject({ method: "GET", contentLength: 0 });
  });

  test.each([
    ["another method", ["PUT /v2 HTTP/1.1", host, "Content-Length: 1"]],
    ["another version", ["GET /v2 HTTP/1.0", host]],
    ["an absolute target", ["GET http://a/v2 HTTP/1.1", host]],
    ["a control character in the target", ["GET /v2\u0001 HTTP/1.1", host]],
    ["no host", ["GET /v2 HTTP/1.1", "X: y"]],
    ["two hosts", ["GET /v2 HTTP/1.1", host, "host: b"]],
    ["a body of unknown length", ["POST /v2 HTTP/1.1", host]],
    ["chunks", ["POST /v2 HTTP/1.1", host, "Transfer-Encoding: chunked"]],
    ["chunks and a length", ["POST /v2 HTTP/1.1", host, "Transfer-Encoding: chunked", "Content-Length: 3"]],
    ["two lengths", ["POST /v2 HTTP/1.1", host, "Content-Length: 3", "Content-Length: 3"]],
    ["a list of lengths", ["POST /v2 HTTP/1.1", host, "Content-Length: 3, 3"]],
    ["a signed length", ["POST /v2 HTTP/1.1", host, "Content-Length: +3"]],
    ["a length that is no safe number", ["POST /v2 HTTP/1.1", host, "Content-Length: 9999999999999999"]],
    ["a body of a GET", ["GET /v2 HTTP/1.1", host, "Content-Length: 3"]],
    ["a space before the colon", ["POST /v2 HTTP/1.1", host, "Content-Length : 3"]],
    ["a folded line", ["POST /v2 HTTP/1.1", host, "Content-Length: 3", " 4"]],
    ["a bare line feed", ["POST /v2 HTTP/1.1", host, "Content-Length: 3\nX: y"]],
    ["a bare carriage return", ["POST /v2 HTTP/1.1", host, "Content-Length: 3\rX: y"]],
    ["a field without a name", ["GET /v2 HTTP/1.1", host, ": x"]],
    ["NUL in a field", ["GET /v2 HTTP/1.1", host, "X: \u0000"]],
    ["the wish for 100 Continue", ["POST /v2 HTTP/1.1", host, "Content-Length: 3", "Expect: 100-continue"]],
    ["the wish for another protocol", ["GET /v2 HTTP/1.1", host, "Connection: Upgrade", "Upgrade: websocket"]],
    ["the wish for the end of the connection", ["GET /v2 HTTP/1.1", host, "Connection: close"]],
  ])("with %s is left to a whole implementation", (_, lines) => {
    expect(read(...lines)).toBeNull();
  });

  test("that is not whole, or very long, is too", () => {
    expect(readRequestHead(Buffer.from("POST /v2 HTTP/1.1\r\nHost: a\r\n"))).toBeNull();
    expect(read("GET /v2 HTTP/1.1", host, `X: ${"y".repeat(20_000)}`)).toBeNull();
  });

  test("is what node:http takes it for, whatever is sent", async () => {
    const name = fc.constantFrom(
      "Host",
      "Content-Length",
      "content-length",
      "Transfer-Encoding",
      "Expect",
      "Connection",
      "X-Y",
      "a b",
      "A:",
      "",
    );
    const value = fc.oneof(
      fc.constantFrom(
        "a",
        "0",
        "5",
        " 5 ",
        "\t5",
        "5, 5",
        "0x5",
        "-1",
        "chunked",
        "close",
        "keep-alive",
        "\u0001",
        "é",
        "a\nb",
      ),
      fc.string({ maxLength: 6 }),
    );
    const field = fc.tuple(name, fc.constantFrom(": ", ":", " : ", ":\t"), value).map((parts) => parts.join(""));
    const line = fc.constantFrom(
      "POST /v2/models/m/infer HTTP/1.1",
      "GET /v2?x=y HTTP/1.1",
      "HEAD / HTTP/1.1",
      "GET  /v2 HTTP/1.1",
      "GET /a b HTTP/1.1",
      "GET /v2 HTTP/1.0",
      "get /v2 HTTP/1.1",
      "GET * HTTP/1.1",
      "POST /v2#x HTTP/1.1",
      "GET /\u00e9 HTTP/1.1",
    );
    const heads = fc.tuple(line, fc.array(field, { maxLength: 4 })).map(([first, fields]) => [first, host, ...fields]);
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(heads, async (lines) => {
        const bytes = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
        const ours = readRequestHead(bytes);
        if (ours === null) return;
        taken++;
        const theirs = await byNode(bytes);
        expect([ours.method, ours.path]).toEqual([theirs?.method, theirs?.url?.split("?")[0]]);
        expect(String(ours.contentLength)).toBe(theirs?.headers["content-length"] ?? "0");
        for (const key of Object.keys(theirs?.headers ?? {})) expect(ours.header(key)).toBe(theirs?.headers[key]);
      }),
      { numRuns: 2000 },
    );
    expect(taken).toBeGreaterThan(50);
  });
});

test("a head that comes again is known, and another one of the same beginning is not taken for it", () => {
  const reader = new RequestHeadReader();
  const bytes = (length: string): Buffer =>
    Buffer.from(`POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n{}`);
  const first = reader.read(bytes("2"));
  expect(reader.read(bytes("2"))).toBe(first);
  expect(reader.read(bytes("12"))?.contentLength).toBe(12);
  expect(reader.read(bytes("x"))).toBeNull();
  expect(reader.read(bytes("2"))?.contentLength).toBe(2);
});
