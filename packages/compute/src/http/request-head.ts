import { maxHeaderSize } from "node:http";

/** The head of a request of the plain form: its lines were read by the rules of RFC 9112, and nothing in it is doubtful. */
export interface RequestHead {
  readonly method: "GET" | "HEAD" | "POST";
  /** Without the query. */
  readonly path: string;
  /** Bytes of the body; 0 when there is none. */
  readonly contentLength: number;
  /** Of the head, with the empty line. */
  readonly byteLength: number;
  /** A field by its name in lower case; several of one name are joined by commas. */
  header(name: string): string | undefined;
}

const requestLine = /^(GET|HEAD|POST) (\/[!-"$->@-~]*)(?:\?[!-"$-~]*)? HTTP\/1\.1$/;

/** `field-name ":" OWS field-value OWS`: no space before the colon, no folded lines, no control characters. */
const fieldLine = /^([!#$%&'*+\-.^_`|~\dA-Za-z]+):[ \t]*([\t -~\x80-\xff]*)$/;

/**
 * Reads the head of a request at the beginning of `bytes`.
 *
 * `null` when it is not whole, or has anything beyond the plain form: another method or version, a body of unknown
 * length, a wish for another protocol or for the end of the connection, a line that is not to the letter of the
 * specification. Such a request is for a whole HTTP implementation, which refuses it where it must: what two readers could
 * take for two different things is never read here.
 */
export function readRequestHead(bytes: Buffer): RequestHead | null {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0 || end > maxHeaderSize) return null;
  const [first = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const [, method, path] = requestLine.exec(first) ?? [];
  if (method === undefined || path === undefined) return null;
  const fields: Map<string, string> = new Map();
  for (const line of lines) {
    const [, name, value] = fieldLine.exec(line) ?? [];
    if (name === undefined || value === undefined) return null;
    const key = name.toLowerCase();
    const before = fields.get(key);
    if (before !== undefined && unrepeatable.has(key)) return null;
    fields.set(key, before === undefined ? value.trimEnd() : `${before}, ${value.trimEnd()}`);
  }
  const length = fields.get("content-length");
  if (!isPlain(fields) || (length === undefined) === (method === "POST")) return null;
  if (length !== undefined && !/^\d{1,15}$/.test(length)) return null;
  return {
    method: method as RequestHead["method"],
    path,
    contentLength: Number(length ?? 0),
    byteLength: end + 4,
    header: (name) => fields.get(name),
  };
}

const unrepeatable: ReadonlySet<string> = new Set(["host", "content-length", "content-type"]);

function isPlain(fields: ReadonlyMap<string, string>): boolean {
  if (!fields.has("host")) return false;
  if (fields.has("transfer-encoding") || fields.has("expect") || fields.has("upgrade")) return false;
  return (fields.get("connection") ?? "keep-alive").toLowerCase() === "keep-alive";
}

/**
 * Reads the heads of one connection. Nearly every client sends the same head again, and to see that it is the same costs a
 * tenth of reading it.
 */
export class RequestHeadReader {
  #last: RequestHead | null = null;
  #lastBytes: Buffer = Buffer.alloc(0);

  /** See {@link readRequestHead}. */
  read(bytes: Buffer): RequestHead | null {
    const length = this.#lastBytes.byteLength;
    if (
      this.#last !== null &&
      bytes.byteLength >= length &&
      bytes.compare(this.#lastBytes, 0, length, 0, length) === 0
    ) {
      return this.#last;
    }
    this.#last = readRequestHead(bytes);
    if (this.#last !== null) this.#lastBytes = Buffer.from(bytes.subarray(0, this.#last.byteLength));
    return this.#last;
  }
}
