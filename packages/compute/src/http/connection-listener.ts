import { createServer, type RequestListener } from "node:http";
import type { Socket } from "node:net";

import type { WorkerInferenceServer } from "../infer/inference-server.ts";
import { invalidOption } from "../infer/options.ts";
import { listenerOf } from "../protocol/node-listener.ts";
import {
  bodyRules,
  type InternalProtocolOptions,
  type ProtocolOptions,
  resolveProtocolOptions,
} from "../protocol/options.ts";
import { createRouter } from "../protocol/router.ts";
import { type ConnectionContext, HttpConnection } from "./http-connection.ts";
import { IdleConnections } from "./idle-connections.ts";
import { Outbox } from "./outbox.ts";
import { ResponseHeads } from "./response-head.ts";

export interface ConnectionOptions extends ProtocolOptions {
  /** Milliseconds that a connection may be idle, also before its first request. Default 5,000. */
  readonly keepAliveTimeoutMs?: number;
  /** Answers requests for other paths than `/v2`, those below it, and `/metrics`. Default: they are not found. */
  readonly otherwise?: RequestListener;
}

/** A listener for the connections of a `net.Server` or `tls.Server`. */
export interface ConnectionListener {
  (socket: Socket): void;
  /** Closes the connections on which nobody waits for an answer. To be called after the server's own `close`. */
  closeIdleConnections(): void;
}

interface InternalConnectionOptions extends ConnectionOptions, Pick<InternalProtocolOptions, "cluster"> {
  /** Puts something around the listener of every request; then all of them go through `node:http`. */
  readonly wrap?: (listener: RequestListener) => RequestListener;
}

/**
 * The protocol for the connections themselves: `net.createServer(server.connectionListener())`. Requests whose head is of the
 * plain form are read here, so that a small one costs three fifths of what it does through `node:http`; the first other
 * request of a connection goes to `node:http` with its connection, by the same rules and with the same answers.
 *
 * @throws INFERENCE_OPTION_INVALID
 */
export function connectionListener(
  server: WorkerInferenceServer,
  options: InternalConnectionOptions = {},
): ConnectionListener {
  const { keepAliveTimeoutMs = 5000, otherwise, wrap, ...protocol } = options;
  if (!(keepAliveTimeoutMs > 0)) {
    throw invalidOption("keepAliveTimeoutMs", keepAliveTimeoutMs, "a number of milliseconds above 0");
  }
  const resolved = resolveProtocolOptions(protocol);
  const rules = bodyRules(resolved, server.buffers);
  const answer = createRouter(server, resolved);
  const ours = listenerOf(answer, rules);
  const listener: RequestListener = (request, response) => {
    if (otherwise === undefined || isOfProtocol(request.url ?? "/")) ours(request, response);
    else otherwise(request, response);
  };
  const http = createServer({ keepAliveTimeout: keepAliveTimeoutMs }, wrap === undefined ? listener : wrap(listener));
  // It listens nowhere; this is what starts its limits of time for headers and bodies.
  http.emit("listening");
  const idle = new IdleConnections(keepAliveTimeoutMs);
  const context: ConnectionContext = {
    rules,
    idle,
    heads: new ResponseHeads(Math.floor(keepAliveTimeoutMs / 1000)),
    answer,
    outbox: new Outbox(),
    isOurs: (path) => wrap === undefined && (otherwise === undefined || isOfProtocol(path)),
    handOver(socket, bytes) {
      socket.unshift(bytes);
      http.emit("connection", socket);
      process.nextTick(() => socket.resume());
    },
  };
  const serve = (socket: Socket): void => {
    socket.setNoDelay(true);
    new HttpConnection(socket, context).start();
  };
  return Object.assign(serve, {
    closeIdleConnections() {
      idle.closeIdle();
      http.closeIdleConnections();
    },
  });
}

function isOfProtocol(path: string): boolean {
  return /^\/(?:v2(?:[/?]|$)|metrics(?:\?|$))/.test(path);
}
