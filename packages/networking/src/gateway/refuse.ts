import type { IncomingMessage } from "node:http";
import { type AshlarError, isAshlarError } from "@ashlar/core";
import { type Exchange, isUnanswered } from "./exchange.ts";

/** Answers with an error as JSON: `{ code, message, retryable, details }`. Does nothing once an answer has begun. */
export function sendError(exchange: Exchange, error: AshlarError): void {
  if (!isUnanswered(exchange)) return;
  exchange.refused = true;
  const { request, response } = exchange;
  const body = Buffer.from(JSON.stringify(error));
  const headers = [
    "content-type",
    "application/json",
    "content-length",
    String(body.byteLength),
    ...extraHeaders(error),
  ];
  // The rest of a body that nobody wants is not worth keeping the connection for.
  const unread = !request.complete;
  if (unread || exchange.closing()) headers.push("connection", "close");
  response.writeHead(error.status, headers);
  if (request.method === "HEAD") response.end();
  // A client that asked first has sent no body yet.
  else if (!unread || exchange.expectsContinue) response.end(body);
  else {
    response.write(body);
    linger(request, () => response.end());
  }
}

function extraHeaders(error: AshlarError): string[] {
  if (isAshlarError(error, "UNAUTHENTICATED")) return ["www-authenticate", "Bearer"];
  const wait = error.details["retryAfterMs"];
  return typeof wait === "number" ? ["retry-after", String(Math.max(1, Math.ceil(wait / 1000)))] : [];
}

const lingerMs = 1000;
const lingerBytes = 4 * 1024 * 1024;

/** Closing a connection with unread bytes resets it, and the client may lose the answer: read on for a while. */
function linger(request: IncomingMessage, done: () => void): void {
  let size = 0;
  const settle = (): void => {
    clearTimeout(timer);
    request.off("data", onData);
    done();
  };
  const onData = (piece: Uint8Array): void => {
    size += piece.byteLength;
    if (size > lingerBytes) settle();
  };
  const timer = setTimeout(settle, lingerMs);
  request.on("data", onData);
  request.once("end", settle);
  request.once("close", settle);
}

const reasons: Readonly<Record<number, string>> = {
  400: "Bad Request",
  408: "Request Timeout",
  431: "Request Header Fields Too Large",
};

/** The same answer for a request that never became one. */
export function rawErrorResponse(error: AshlarError): string {
  const body = JSON.stringify(error);
  return [
    `HTTP/1.1 ${error.status} ${reasons[error.status] ?? "Error"}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
    "",
    body,
  ].join("\r\n");
}
