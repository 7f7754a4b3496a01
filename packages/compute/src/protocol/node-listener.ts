import type { IncomingMessage, ServerResponse } from "node:http";

import type { WorkerInferenceServer } from "../infer/inference-server.ts";
import { type BodyLimits, collectBody } from "./body.ts";
import type { ProtocolReply, ProtocolRequest } from "./exchange.ts";
import { type ProtocolOptions, resolveProtocolOptions } from "./options.ts";
import { createRouter } from "./router.ts";

/**
 * The protocol as a request listener of `node:http`: `createServer(server.listener())`. It answers what the
 * fetch-shaped handler answers and spares the objects of the web platform, which cost more than a small model's run.
 *
 * Limits of time for headers and idle connections are those of your server: `headersTimeout`, `keepAliveTimeout`,
 * `maxConnections`.
 *
 * @throws INFERENCE_OPTION_INVALID
 */
export function nodeListener(
  server: WorkerInferenceServer,
  options: ProtocolOptions = {},
): (request: IncomingMessage, response: ServerResponse) => void {
  const resolved = resolveProtocolOptions(options);
  const answer = createRouter(server, resolved);
  return (request, response) => {
    answer(fromNode(request, response, resolved)).then(
      (reply) => send(request, response, reply),
      () => response.destroy(),
    );
  };
}

function fromNode(request: IncomingMessage, response: ServerResponse, limits: BodyLimits): ProtocolRequest {
  const url = request.url ?? "/";
  const query = url.indexOf("?");
  let gone: AbortController | null = null;
  return {
    method: request.method ?? "GET",
    path: query < 0 ? url : url.slice(0, query),
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
    get signal() {
      if (gone === null) {
        const controller = new AbortController();
        gone = controller;
        response.once("close", () => {
          if (!response.writableFinished) controller.abort();
        });
      }
      return gone.signal;
    },
    body: () =>
      collectBody(
        {
          contentLength: request.headers["content-length"],
          contentEncoding: request.headers["content-encoding"],
          read(onChunk, onEnd, onError) {
            request.on("data", onChunk).on("end", onEnd).on("error", onError);
          },
          stop: () => request.removeAllListeners("data").removeAllListeners("end").resume(),
        },
        limits,
      ),
  };
}

function send(request: IncomingMessage, response: ServerResponse, { status, headers, body }: ProtocolReply): void {
  if (response.destroyed) return;
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
  // A body that was not read to its end would be taken for the next request.
  const rest = request.complete ? {} : { connection: "close" };
  response.writeHead(status, { ...headers, ...rest, "content-length": length });
  if (request.method === "HEAD") response.end();
  else response.end(body);
}
