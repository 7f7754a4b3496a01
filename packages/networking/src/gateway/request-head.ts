import type { IncomingMessage } from "node:http";
import { networkingError } from "../errors.ts";
import { deadlineHeader, parseDeadline } from "../resilience/deadline.ts";
import { canonicalTarget } from "./canonical-path.ts";
import { claimsIdentity, connectionTokens, isEndToEnd, isHopByHop } from "./headers.ts";

/** A request whose head can be read in one way only. */
export interface RequestHead {
  readonly method: string;
  /** Canonical; see `canonicalTarget`. */
  readonly path: string;
  /** With its leading `?`, or empty. */
  readonly query: string;
  readonly host: string;
  /** Name, value, name, value ... of what goes on: no hop-by-hop field, no `Host`, no claimed identity. */
  readonly headers: string[];
  readonly authorization: string | undefined;
  /** Bytes of the body; undefined when it comes in chunks. */
  readonly contentLength: number | undefined;
  /** Addresses a trusted proxy said the request came through, nearest last. */
  readonly forwardedFor: readonly string[];
  /** The budget a trusted caller sent, in milliseconds. */
  readonly remainingMs: number | undefined;
}

export interface HeadPolicy {
  /** True when the peer may speak for others: its forwarding and deadline headers are believed. */
  readonly trusted: boolean;
  readonly maxHeaders: number;
  /** Further names, in lower case with `-`, that clients may not send. */
  readonly strip: ReadonlySet<string>;
}

const hostForm = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
const bodiless: ReadonlySet<string> = new Set(["GET", "HEAD"]);
const refusedMethods: ReadonlySet<string> = new Set(["CONNECT", "TRACE"]);

/**
 * Reads the head strictly (RFC 9112): node's parser lets several ambiguous forms pass that are refused here.
 *
 * @throws REQUEST_MALFORMED, HEADERS_TOO_LARGE, EXPECTATION_FAILED
 */
export function readHead(request: IncomingMessage, policy: HeadPolicy): RequestHead {
  const method = request.method as string;
  if (request.httpVersionMajor !== 1) malformed(`its version is HTTP/${request.httpVersion}`);
  if (refusedMethods.has(method)) malformed(`the method ${method} is not passed on`);
  const fields = readFields(request.rawHeaders, policy);
  const chunked = checkFraming(request, fields);
  if (fields.hosts !== 1 || !hostForm.test(fields.host)) malformed("it does not have exactly one valid Host");
  const contentLength = chunked ? undefined : Number(fields.length ?? 0);
  if (bodiless.has(method) && contentLength !== 0) malformed(`a ${method} request has a body`);
  const target = canonicalTarget(originForm(request.url as string, fields.host));
  if ("problem" in target) return malformed(target.problem);
  return {
    method,
    path: target.path,
    query: target.query,
    host: fields.host,
    headers: fields.forwarded,
    authorization: fields.authorization,
    contentLength,
    forwardedFor: fields.forwardedFor,
    remainingMs: fields.remainingMs,
  };
}

interface Fields {
  readonly forwarded: string[];
  readonly forwardedFor: string[];
  host: string;
  hosts: number;
  length: string | undefined;
  encoding: string | undefined;
  authorization: string | undefined;
  remainingMs: number | undefined;
}

function readFields(raw: readonly string[], policy: HeadPolicy): Fields {
  if (raw.length / 2 > policy.maxHeaders) {
    throw networkingError("HEADERS_TOO_LARGE", { limit: `${policy.maxHeaders} fields` });
  }
  const fields: Fields = {
    forwarded: [],
    forwardedFor: [],
    host: "",
    hosts: 0,
    length: undefined,
    encoding: undefined,
    authorization: undefined,
    remainingMs: undefined,
  };
  const named: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const name = (raw[index] as string).toLowerCase();
    const value = raw[index + 1] as string;
    if (name === "connection") named.push(...connectionTokens(value));
    else readField(fields, name, value, policy);
  }
  return named.length === 0 ? fields : withoutNamed(fields, named);
}

function readField(fields: Fields, name: string, value: string, policy: HeadPolicy): void {
  switch (name) {
    case "host":
      fields.host = value;
      fields.hosts += 1;
      return;
    case "transfer-encoding":
      if (fields.encoding !== undefined) malformed("it has two Transfer-Encoding fields");
      fields.encoding = value;
      return;
    case "content-length":
      if (fields.length !== undefined) malformed("it has two Content-Length fields");
      fields.length = value;
      break;
    case "expect":
      if (value.toLowerCase() !== "100-continue") throw networkingError("EXPECTATION_FAILED", { expectation: value });
      return;
    case "authorization":
      if (fields.authorization !== undefined) malformed("it has two Authorization fields");
      fields.authorization = value;
      break;
    default:
      if (isHopByHop(name)) return;
      if (!claimsIdentity(name, policy.strip)) break;
      if (policy.trusted) believe(fields, name, value);
      return;
  }
  fields.forwarded.push(name, value);
}

function believe(fields: Fields, name: string, value: string): void {
  if (name === "x-forwarded-for") {
    fields.forwardedFor.push(...value.split(",").map((address) => address.trim()));
  } else if (name === deadlineHeader) {
    fields.remainingMs = parseDeadline(value);
  }
}

function withoutNamed(fields: Fields, named: readonly string[]): Fields {
  const stolen = named.find(isEndToEnd);
  if (stolen !== undefined) malformed(`its Connection field names ${stolen}, which is meant for every recipient`);
  const drop = new Set(named);
  const forwarded: string[] = [];
  for (let index = 0; index < fields.forwarded.length; index += 2) {
    const name = fields.forwarded[index] as string;
    if (!drop.has(name)) forwarded.push(name, fields.forwarded[index + 1] as string);
  }
  return { ...fields, forwarded };
}

/** @returns true when the body comes in chunks */
function checkFraming(request: IncomingMessage, { length, encoding }: Fields): boolean {
  if (encoding !== undefined) {
    if (request.httpVersion !== "1.1") malformed("it has a Transfer-Encoding in HTTP/1.0");
    if (length !== undefined) malformed("it has both a Transfer-Encoding and a Content-Length");
    if (encoding.toLowerCase() !== "chunked") malformed("its Transfer-Encoding is not exactly chunked");
    return true;
  }
  if (length !== undefined && !/^\d{1,15}$/.test(length)) malformed("its Content-Length is not a number of bytes");
  return false;
}

/** A target with scheme and authority is taken only when it names the same host (RFC 9112 section 3.2.2). */
function originForm(target: string, host: string): string {
  if (target.startsWith("/")) return target;
  const match = /^https?:\/\/([^/?#]*)(.*)$/is.exec(target);
  if (!match) return target;
  if (match[1]?.toLowerCase() !== host.toLowerCase()) malformed("its target names another host than its Host field");
  const rest = match[2] as string;
  return rest.startsWith("/") ? rest : `/${rest}`;
}

function malformed(problem: string): never {
  throw networkingError("REQUEST_MALFORMED", { problem });
}
