import type { Socket } from "node:net";

import { freeBuffer } from "../infer/buffer-pool.ts";
import { type BodyCollector, type BodyRules, type BodySource, collectBody } from "../protocol/body.ts";
import { bodyLength, type ProtocolReply, type ProtocolRequest } from "../protocol/exchange.ts";
import type { Router } from "../protocol/router.ts";
import type { IdleConnections, Idling } from "./idle-connections.ts";
import type { Outbox, Sender } from "./outbox.ts";
import { type RequestHead, RequestHeadReader } from "./request-head.ts";
import type { ResponseHeads } from "./response-head.ts";

/** What all connections of a listener have in common. */
export interface ConnectionContext {
  readonly rules: BodyRules;
  readonly idle: IdleConnections;
  readonly heads: ResponseHeads;
  readonly answer: Router;
  readonly outbox: Outbox;
  /** Whether requests for a path are answered here. */
  readonly isOurs: (path: string) => boolean;
  /** Takes a connection over whose next bytes are `bytes`. */
  readonly handOver: (socket: Socket, bytes: Buffer) => void;
}

/** Smaller buffers are left to the collector of garbage. */
const freedBytes = 16 * 1024;

/**
 * One connection of HTTP/1.1 (RFC 9112), and the request under way on it: a single object for all its requests, because
 * below ten microseconds a request costs what it allocates. Requests of the plain form are answered one after another;
 * with the first other one the connection is handed over.
 */
export class HttpConnection implements ProtocolRequest, BodySource, Idling, Sender {
  readonly ownsPieces = true;
  turns = 0;
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #heads: RequestHeadReader = new RequestHeadReader();
  /** `closing`: the last answer is written. `left`: it is gone, or another's. */
  #state: "open" | "closing" | "left" = "open";
  /** Of the request under way; `null` between two. */
  #head: RequestHead | null = null;
  /** Its answer, until it is sent. */
  #reply: ProtocolReply | null = null;
  /** The piece that holds the head and the whole body. */
  #piece: Buffer | null = null;
  /** Of a body in several pieces, before anybody asks for it. */
  #pieces: Uint8Array[] = [];
  /** Bytes of the body that have not come yet. */
  #missing = 0;
  #collector: BodyCollector | null = null;
  /** What came after the request under way. */
  #rest: Buffer[] = [];
  #gone: AbortController | null = null;

  constructor(socket: Socket, context: ConnectionContext) {
    this.#socket = socket;
    this.#context = context;
  }

  /** Begins to read. */
  start(): void {
    this.#socket.on("data", this.#onData).on("drain", this.#onDrain);
    this.#socket.on("end", this.#onEnd).on("close", this.#onEnd).on("error", ignore);
    this.#context.idle.add(this);
  }

  get idle(): boolean {
    return this.#head === null;
  }

  get method(): string {
    return this.#head?.method ?? "GET";
  }

  get path(): string {
    return this.#head?.path ?? "/";
  }

  get contentLength(): string | undefined {
    return this.header("content-length");
  }

  get contentEncoding(): string | undefined {
    return this.header("content-encoding");
  }

  header(name: string): string | undefined {
    return this.#head?.header(name);
  }

  get signal(): AbortSignal {
    this.#gone ??= new AbortController();
    if (this.#state === "left") this.#gone.abort();
    return this.#gone.signal;
  }

  body(): Uint8Array | Promise<Uint8Array> {
    const { rules } = this.#context;
    const whole = this.#wholeBody();
    if (whole === null || whole.byteLength > rules.maxBodyBytes || this.contentEncoding !== undefined) {
      return collectBody(this, rules);
    }
    return whole;
  }

  /** Gives the memory of the body back at once: thousands of such buffers a second make V8 collect the whole heap. */
  release(): void {
    const piece = this.#piece;
    if (piece === null || piece.byteLength < freedBytes || this.#rest.length > 0) return;
    const { buffer } = piece;
    if (buffer instanceof ArrayBuffer && buffer.byteLength === piece.byteLength) freeBuffer(buffer);
    this.#piece = null;
  }

  read(collector: BodyCollector): void {
    const whole = this.#wholeBody();
    if (whole !== null) collector.add(whole);
    for (const piece of this.#pieces) collector.add(piece);
    this.#pieces = [];
    if (this.#missing === 0) collector.end();
    else if (this.#state !== "open") collector.fail(new Error("the client went away"));
    else {
      this.#collector = collector;
      this.#socket.resume();
    }
  }

  stop(): void {
    this.#collector = null;
  }

  close(): void {
    this.#socket.destroy();
  }

  #wholeBody(): Buffer | null {
    const [piece, head] = [this.#piece, this.#head];
    if (piece === null || head === null) return null;
    return piece.subarray(head.byteLength, head.byteLength + head.contentLength);
  }

  readonly #onData = (piece: Buffer): void => {
    if (this.#state !== "open") return;
    this.turns = 0;
    if (this.#head === null && !this.#socket.writableNeedDrain) this.#begin(piece);
    else if (this.#missing > 0) this.#continue(piece);
    else this.#keep(piece);
  };

  #begin(piece: Buffer): void {
    const head = this.#heads.read(piece);
    if (head === null || !this.#context.isOurs(head.path)) {
      this.#leave(piece);
      return;
    }
    const end = head.byteLength + head.contentLength;
    this.#head = head;
    this.#missing = Math.max(0, end - piece.byteLength);
    if (this.#missing === 0) this.#piece = piece;
    else if (piece.byteLength > head.byteLength) this.#pieces.push(piece.subarray(head.byteLength));
    if (end < piece.byteLength) this.#keep(piece.subarray(end));
    this.#context.answer(this, this.#respond);
  }

  /** A piece of the body; what lies behind its end is the next request's. */
  #continue(piece: Buffer): void {
    const part = piece.byteLength > this.#missing ? piece.subarray(0, this.#missing) : piece;
    const { byteLength } = part;
    if (byteLength < piece.byteLength) this.#keep(piece.subarray(byteLength));
    this.#missing -= byteLength;
    if (this.#collector === null) {
      this.#pieces.push(part);
      this.#socket.pause();
      return;
    }
    const collector = this.#collector;
    collector.add(part);
    if (this.#missing === 0) collector.end();
  }

  /** Until its turn comes; what a client sends ahead is not read without end. */
  #keep(piece: Buffer): void {
    this.#rest.push(piece);
    this.#socket.pause();
  }

  readonly #respond = (reply: ProtocolReply): void => {
    this.#reply = reply;
    this.#context.outbox.add(this);
  };

  /** What the outbox calls. */
  send(): void {
    const reply = this.#reply;
    this.#reply = null;
    if (this.#state === "left" || this.#head === null || reply === null) return;
    const { status, headers, body } = reply;
    const { method } = this.#head;
    // A body that was not read to its end would be taken for the next request.
    const last = this.#missing > 0;
    const length = bodyLength(reply);
    const head = this.#context.heads.head(status, headers, length, last);
    const socket = this.#socket;
    if (method === "HEAD") socket.write(head, "latin1");
    // Text of ASCII alone is not encoded.
    else if (typeof body === "string") socket.write(head + body, length === body.length ? "latin1" : "utf8");
    else {
      socket.cork();
      socket.write(head, "latin1");
      for (const piece of body instanceof Uint8Array ? [body] : body) socket.write(piece);
      socket.uncork();
    }
    this.#finish();
    if (last) this.#end();
    else if (!socket.writableNeedDrain) this.#next();
  }

  #finish(): void {
    this.turns = 0;
    this.#head = null;
    this.#piece = null;
    this.#pieces = [];
    this.#missing = 0;
    this.#collector = null;
    this.#gone = null;
  }

  /** Begins the request that came while the one before was answered. */
  #next(): void {
    const [first, second] = this.#rest;
    if (first !== undefined) {
      const piece = second === undefined ? first : Buffer.concat(this.#rest);
      this.#rest = [];
      this.#begin(piece);
    }
    if (this.#state === "open" && this.#rest.length === 0) this.#socket.resume();
  }

  /** What still comes is dropped, and who never stops sending is cut off as idle. */
  #end(): void {
    this.#state = "closing";
    this.#rest = [];
    this.#socket.resume().end();
  }

  readonly #onDrain = (): void => {
    if (this.#head === null && this.#state === "open") this.#next();
  };

  /** A client that ends its half of the connection is gone, as it is to `node:http`. */
  readonly #onEnd = (): void => {
    if (this.#state === "left") return;
    this.#state = "left";
    this.#context.idle.delete(this);
    this.#gone?.abort();
    this.#collector?.fail(new Error("the client went away"));
    this.#socket.end();
  };

  #leave(bytes: Buffer): void {
    const socket = this.#socket;
    this.#state = "left";
    this.#context.idle.delete(this);
    socket.pause();
    socket.off("data", this.#onData).off("drain", this.#onDrain);
    socket.off("end", this.#onEnd).off("close", this.#onEnd).off("error", ignore);
    this.#context.handOver(socket, bytes);
  }
}

function ignore(): void {
  // The end of the connection follows.
}
