import type { IncomingMessage, ServerResponse } from "node:http";
import type { RequestHead } from "./request-head.ts";
import type { CompiledRoute, RequestInfo } from "./route.ts";

/** One request on its way through the gateway. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Aborted when the client goes away or the deadline passes. */
  readonly signal: AbortSignal;
  /** True when the response must be the last on its connection. */
  readonly closing: () => boolean;
  /** The client waits for leave to send its body. */
  expectsContinue: boolean;
  /** The answer was an error of the gateway's own, sent whole. */
  refused: boolean;
}

/** An exchange that found its route and may be carried out. */
export interface AdmittedExchange extends Exchange {
  readonly route: CompiledRoute;
  readonly head: RequestHead;
  readonly info: RequestInfo;
  /** Milliseconds left; Infinity without a deadline. */
  readonly remainingMs: () => number;
}

/** True when no part of an answer was sent and one still can be. */
export function isUnanswered({ response }: Exchange): boolean {
  return !response.headersSent && !response.destroyed;
}

/** Lets a client that asked first (RFC 9110 section 10.1.1) send its body. */
export function inviteBody(exchange: Exchange): void {
  if (!exchange.expectsContinue) return;
  exchange.expectsContinue = false;
  exchange.response.writeContinue();
}

/** Waits until more can be written; false when the client is gone. */
export function drained(response: ServerResponse): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off("drain", settle);
      response.off("close", settle);
      resolve(!response.destroyed);
    };
    response.on("drain", settle);
    response.on("close", settle);
  });
}
