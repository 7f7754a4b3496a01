import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";

import type { WorkerInferenceServer } from "../infer/inference-server.ts";
import { type BodyCollector, type BodyRules, type BodySource, collectBody } from "./body.ts";
import { bodyLength, jsonHeaders, type ProtocolReply, type ProtocolRequest } from "./exchange.ts";
import { bodyRules, type InternalProtocolOptions, resolveProtocolOptions } from "./options.ts";
import { createRouter, replyOf, type Router } from "./router.ts";

/**
 * The protocol as a request listener of `node:http`: `createServer(server.listener())`. It answers what the
 * fetch-shaped handler answers and spares the objects of the web platform, which cost more than a small model's run.
 *
 * Limits of time for headers and idle connections are those of your server: `headersTimeout`, `keepAliveTimeout`,
 * `maxConnections`.
 *
 * @throws INFERENCE_OPTION_INVALID
 */
export function nodeListener(server: WorkerInferenceServer, options: InternalProtocolOptions = {}): RequestListener {
  const resolved = resolveProtocolOptions(options);
  return listenerOf(createRouter(server, resolved), bodyRules(resolved, server.buffers));
}

/** The listener of a router that others may use too. */
export function listenerOf(answer: Router, rules: BodyRules): RequestListener {
  return (request, response) => {
    const exchange = new NodeExchange(request, response, rules);
    // By a promise, so that what follows the response runs in the asynchronous context of its request.
    replyOf(answer, exchange).then(
      (reply) => exchange.send(reply),
      () => response.destroy(),
    );
  };
}

/** A request of `node:http` and its response. A class, because closures for each request would fill the heap. */
class NodeExchange implements ProtocolRequest, BodySource {
  readonly method: string;
  readonly path: string;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #rules: BodyRules;
  #gone: AbortController | null = null;

  constructor(request: IncomingMessage, response: ServerResponse, rules: BodyRules) {
    const url = request.url ?? "/";
    const query = url.indexOf("?");
    this.method = request.method ?? "GET";
    this.path = query < 0 ? url : url.slice(0, query);
    this.#request = request;
    this.#response = response;
    this.#rules = rules;
  }

  /** False when a listener of the caller's, to write a log for example, is given them too. */
  get ownsPieces(): boolean {
    return this.#request.listenerCount("data") === 1;
  }

  get contentLength(): string | undefined {
    return this.#request.headers["content-length"];
  }

  get contentEncoding(): string | undefined {
    return this.#request.headers["content-encoding"];
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  }

  get signal(): AbortSignal {
    if (this.#gone === null) {
      const controller = new AbortController();
      this.#gone = controller;
      this.#response.once("close", () => {
        if (!this.#response.writableFinished) controller.abort();
      });
    }
    return this.#gone.signal;
  }

  body(): Promise<Uint8Array> {
    return collectBody(this, this.#rules);
  }

  read(collector: BodyCollector): void {
    this.#request.on("data", (piece: Uint8Array) => collector.add(piece));
    this.#request.on("end", () => collector.end());
    this.#request.on("error", (error) => collector.fail(error));
  }

  stop(): void {
    this.#request.removeAllListeners("data").removeAllListeners("end").resume();
  }

  send(reply: ProtocolReply): void {
    const { status, headers, body } = reply;
    const response = this.#response;
    if (response.destroyed) return;
    const length = bodyLength(reply);
    // `node:http` writes a list as it stands, and looks each name of an object up.
    const list = headers === jsonHeaders ? ["Content-Type", "application/json"] : Object.entries(headers).flat();
    list.push("Content-Length", String(length));
    // A body that was not read to its end would be taken for the next request.
    const last = !this.#request.complete;
    if (last) list.push("Connection", "close");
    response.writeHead(status, list);
    if (this.method === "HEAD") response.end();
    else if (last) this.#sendEarly(reply, length);
    // Text of ASCII alone goes out in one piece with the headers, without being encoded.
    else if (typeof body === "string") response.end(body, encodingOf(body, length));
    else if (body instanceof Uint8Array) response.end(body);
    else {
      response.cork();
      for (const piece of body) response.write(piece);
      response.end();
    }
  }

  /**
   * Answers a client that still sends its body. The connection is not closed under its hands, which would be an error to it
   * before it has read the answer: the rest of the body is dropped for a while.
   */
  #sendEarly({ body }: ProtocolReply, length: number): void {
    const response = this.#response;
    if (typeof body === "string") response.write(body, encodingOf(body, length));
    else for (const piece of body instanceof Uint8Array ? [body] : body) response.write(piece);
    const end = (): void => {
      clearTimeout(timer);
      response.end();
    };
    const timer = setTimeout(end, lingerMs).unref();
    response.once("close", end);
    this.#request.once("end", end).resume();
  }
}

/** For so many milliseconds what comes of a body that was answered before is dropped. */
const lingerMs = 5000;

function encodingOf(body: string, length: number): "latin1" | "utf8" {
  return length === body.length ? "latin1" : "utf8";
}
