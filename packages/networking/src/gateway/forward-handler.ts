import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import type { Dispatcher } from "undici";
import type { Exchange } from "./exchange.ts";
import { connectionTokens, isHopByHop } from "./headers.ts";

/** How one try ended; `begun` when part of the response had already reached the client. */
export type Forwarded =
  | { readonly kind: "answered"; readonly status: number }
  | { readonly kind: "retry"; readonly status: number }
  | { readonly kind: "failed"; readonly error: unknown; readonly begun: boolean };

const worthRetrying: ReadonlySet<number> = new Set([502, 503, 504]);

/** Carries an upstream's response to the client piece by piece, no faster than the client reads. */
export class ForwardHandler implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse;
  readonly #exchange: Exchange;
  readonly #mayRetry: () => boolean;
  readonly #settled: (result: Forwarded) => void;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;

  constructor(exchange: Exchange, mayRetry: () => boolean, settled: (result: Forwarded) => void) {
    this.#exchange = exchange;
    this.#response = exchange.response;
    this.#mayRetry = mayRetry;
    this.#settled = settled;
  }

  readonly #onAbort = (): void => this.#controller?.abort(this.#exchange.signal.reason as Error);
  readonly #onDrain = (): void => this.#controller?.resume();

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#exchange.signal.aborted) this.#onAbort();
    else this.#exchange.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    message?: string,
  ): void {
    if (status < 200 || this.#status !== 0) return;
    if (worthRetrying.has(status) && this.#mayRetry()) {
      this.#finish({ kind: "retry", status });
      controller.abort(new Error("the response is not used; the request goes to another upstream"));
      return;
    }
    this.#status = status;
    const fields = forwardedFields(headers);
    if (this.#exchange.closing()) fields.push("connection", "close");
    if (message) this.#response.writeHead(status, message, fields);
    else this.#response.writeHead(status, fields);
    this.#response.on("drain", this.#onDrain);
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Buffer): void {
    if (!this.#response.write(piece)) controller.pause();
  }

  onResponseEnd(): void {
    this.#response.end();
    this.#finish({ kind: "answered", status: this.#status });
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    const begun = this.#status !== 0;
    // A body that ends early must not look whole to the client.
    if (begun) this.#response.destroy();
    this.#finish({ kind: "failed", error, begun });
  }

  #finish(result: Forwarded): void {
    this.#exchange.signal.removeEventListener("abort", this.#onAbort);
    this.#response.off("drain", this.#onDrain);
    this.#settled(result);
  }
}

function forwardedFields(headers: IncomingHttpHeaders): string[] {
  const named = headers.connection ? connectionTokens(headers.connection) : [];
  const fields: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (isHopByHop(name) || named.includes(name) || value === undefined) continue;
    if (typeof value === "string") fields.push(name, value);
    else for (const one of value) fields.push(name, one);
  }
  return fields;
}
