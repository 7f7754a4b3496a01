import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { AshlarError, Clock, Logger } from "@ashlar/core";
import { networkingError } from "../errors.ts";
import { type Certificates, secureOptions } from "./certificates.ts";
import { drain } from "./drain.ts";
import type { Exchange } from "./exchange.ts";
import { rawErrorResponse } from "./refuse.ts";

export interface ListenerLimits {
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  readonly maxHeaderBytes: number;
  readonly maxHeaders: number;
  readonly maxConnections: number;
}

export interface ListenerOptions {
  readonly limits: ListenerLimits;
  readonly tls: Certificates | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Never rejects. */
  readonly serve: (exchange: Exchange, abort: (reason: unknown) => void) => Promise<void>;
  /** Told the code of what was refused before it was a request. */
  readonly refused: (code: string) => void;
}

export interface Listener {
  listen(port: number, host: string): Promise<{ port: number; host: string }>;
  setCertificates(certificates: Certificates): void;
  connections(): number;
  close(drainMs: number): Promise<void>;
}

/** The port, its connections, and what is said to those that never send a proper request. */
export function createListener(options: ListenerOptions): Listener {
  const { limits, clock, logger } = options;
  const sockets = new Set<Socket>();
  const inFlight = new Map<Duplex, Set<Exchange>>();
  let draining = false;
  let listening = false;

  const server = createNodeServer(options);
  const accept = (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void => {
    const controller = new AbortController();
    const exchange: Exchange = {
      request,
      response,
      signal: controller.signal,
      closing: () => draining,
      expectsContinue,
      refused: false,
    };
    const { socket } = request;
    const exchanges = inFlight.get(socket) ?? new Set();
    inFlight.set(socket, exchanges.add(exchange));
    response.once("close", () => {
      exchanges.delete(exchange);
      if (exchanges.size === 0) inFlight.delete(socket);
      if (!response.writableFinished) controller.abort(new Error("the client went away"));
      if (draining) server.closeIdleConnections();
    });
    // What goes wrong with a request's stream shows up where it is read; unread, nobody needs it.
    request.on("error", () => {});
    void options.serve(exchange, (reason) => controller.abort(reason));
  };

  server.maxConnections = limits.maxConnections;
  // One more than are allowed: node drops what exceeds it without a word.
  server.maxHeadersCount = limits.maxHeaders + 1;
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("request", (request, response) => accept(request, response, false));
  server.on("checkContinue", (request, response) => accept(request, response, true));
  // The head is read before it is answered, and that refuses what was expected.
  server.on("checkExpectation", (request, response) => accept(request, response, false));
  server.on("connect", (_, socket: Duplex) => {
    answerRaw(socket, networkingError("REQUEST_MALFORMED", { problem: "the method CONNECT is not passed on" }));
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    const begun = Array.from(inFlight.get(socket) ?? []).filter(({ response }) => response.headersSent);
    // In the midst of a response an answer would be read as part of it; a refusal is an answer already.
    if (begun.length > 0 && begun.every(({ refused }) => refused)) for (const { response } of begun) response.end();
    else if (begun.length > 0 || error.code === "ECONNRESET" || !socket.writable) socket.destroy();
    else answerRaw(socket, clientError(error, limits));
  });
  const answerRaw = (socket: Duplex, error: AshlarError): void => {
    options.refused(error.code);
    socket.on("error", () => {});
    socket.end(rawErrorResponse(error), () => socket.destroy());
  };

  return {
    connections: () => sockets.size,
    async listen(port, host) {
      if (listening) throw networkingError("GATEWAY_STATE", { action: "listen", state: "listening already" });
      await open(server, port, host);
      listening = true;
      server.on("error", (error) => logger.error({ error }, "the listener failed"));
      const address = server.address() as AddressInfo;
      return { port: address.port, host: address.address };
    },
    setCertificates(certificates) {
      if (!options.tls) throw networkingError("GATEWAY_STATE", { action: "set certificates", state: "without TLS" });
      const secure = secureOptions(certificates, clock.now());
      if ("setSecureContext" in server) (server as TlsServer).setSecureContext(secure);
    },
    async close(drainMs) {
      draining = true;
      if (listening) await drain({ server, sockets, inFlight, clock, drainMs });
    },
  };
}

function createNodeServer({ limits, tls, clock }: ListenerOptions): Server | TlsServer {
  const options = {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(1000, Math.max(50, limits.headersTimeoutMs / 2)),
    maxHeaderSize: limits.maxHeaderBytes,
    insecureHTTPParser: false,
    // Checked with the rest of the head, for one form of answer.
    requireHostHeader: false,
  };
  if (!tls) return createServer(options);
  return createTlsServer({
    ...options,
    ...secureOptions(tls, clock.now()),
    ALPNProtocols: ["http/1.1"],
    handshakeTimeout: limits.headersTimeoutMs,
    requestCert: tls.ca !== undefined,
    rejectUnauthorized: tls.ca !== undefined,
  });
}

function open(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const inUse = error.code === "EADDRINUSE";
      const reason = error.code ?? error.message;
      reject(
        inUse
          ? networkingError("PORT_IN_USE", { port, host }, { cause: error })
          : networkingError("LISTEN_FAILED", { port, host, reason }, { cause: error }),
      );
    };
    server.once("error", onError);
    server.listen(port, host, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

function clientError(error: NodeJS.ErrnoException, limits: ListenerLimits): AshlarError {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return networkingError("HEADERS_TOO_LARGE", { limit: `${limits.maxHeaderBytes} bytes` });
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return networkingError("REQUEST_TIMEOUT", {
        limit: `${limits.headersTimeoutMs} ms for the head, or ${limits.requestTimeoutMs} ms in all`,
      });
    default:
      return networkingError("REQUEST_MALFORMED", { problem: `it breaks RFC 9112 (${error.code ?? "unreadable"})` });
  }
}
