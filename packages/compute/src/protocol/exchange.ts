import { concatBytes, isAshlarError } from "@ashlar/core";

import { computeError } from "../errors.ts";
import type { Caller } from "../infer/pending-request.ts";

/** One request of the protocol, however it came. */
export interface ProtocolRequest extends Caller {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** A header by its name in lower case. */
  header(name: string): string | undefined;
  /** The body, unpacked and within its limits. Nobody else uses its bytes. */
  body(): Uint8Array | Promise<Uint8Array>;
  /** The bytes of the body are not needed any more. */
  release?(): void;
}

/** One answer, before it is put into the shape that the caller's server wants. */
export interface ProtocolReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Several pieces where they are large: then nobody has to copy them. */
  readonly body: string | Uint8Array<ArrayBuffer> | readonly Uint8Array<ArrayBuffer>[];
  /** The body is text of ASCII alone, whose bytes nobody has to count. */
  readonly ascii?: boolean;
}

/** In bytes. */
export function bodyLength({ body, ascii }: ProtocolReply): number {
  if (typeof body === "string") return ascii === true ? body.length : Buffer.byteLength(body);
  if (body instanceof Uint8Array) return body.byteLength;
  return body.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** The body in one piece. */
export function wholeBody({ body }: ProtocolReply): string | Uint8Array<ArrayBuffer> {
  return typeof body === "string" || body instanceof Uint8Array ? body : (concatBytes(body) as Uint8Array<ArrayBuffer>);
}

export const jsonHeaders: Readonly<Record<string, string>> = { "content-type": "application/json" };

export function jsonReply(value: unknown, status = 200): ProtocolReply {
  return { status, headers: jsonHeaders, body: JSON.stringify(value) };
}

/** JSON that is text already. */
export function jsonTextReply(body: string, ascii = false): ProtocolReply {
  return { status: 200, headers: jsonHeaders, body, ascii };
}

/** `{ "error": message }` with the status of the error; a client is told when it is worth trying again. */
export function errorReply(error: unknown): ProtocolReply {
  if (!isAshlarError(error)) {
    if (error instanceof Error && error.name === "AbortError")
      return jsonReply({ error: "The client went away." }, 400);
    return jsonReply({ error: "The server failed to answer this request." }, 500);
  }
  const reply = jsonReply({ error: error.message }, error.status);
  return error.retryable ? { ...reply, headers: { ...jsonHeaders, "retry-after": "1" } } : reply;
}

/** A name that stands in a path. @throws PROTOCOL_REQUEST_INVALID */
export function decodePart(part: string): string {
  if (!part.includes("%")) return part;
  try {
    return decodeURIComponent(part);
  } catch (error) {
    const what = `the path holds ${JSON.stringify(part.slice(0, 60))}`;
    throw computeError("PROTOCOL_REQUEST_INVALID", { what, rule: "it is percent-encoded UTF-8" }, { cause: error });
  }
}
