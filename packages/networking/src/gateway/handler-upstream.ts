import { isAshlarError, type Logger } from "@ashlar/core";
import { networkingError } from "../errors.ts";
import { handlerBody } from "./body.ts";
import { type AdmittedExchange, drained, inviteBody, isUnanswered } from "./exchange.ts";
import { isHopByHop } from "./headers.ts";
import type { Handler, HandlerContext } from "./route.ts";

/**
 * Lets a handler of this process answer.
 *
 * @throws HANDLER_FAILED, or the Ashlar error the handler threw
 */
export async function handleInProcess(
  exchange: AdmittedExchange,
  handler: Handler,
  headers: readonly string[],
  scheme: string,
  logger: Logger,
): Promise<void> {
  const request = await toRequest(exchange, headers, scheme);
  const context: HandlerContext = { ...exchange.info, signal: exchange.signal, remainingMs: exchange.remainingMs };
  let response: Response;
  try {
    response = await handler(request, context);
    if (!(response instanceof Response)) throw new TypeError("the handler returned no Response");
  } catch (error) {
    if (exchange.signal.aborted || isAshlarError(error)) throw error;
    const route = exchange.route.path;
    logger.error({ route, error }, "a handler failed");
    throw networkingError("HANDLER_FAILED", { route }, { cause: error });
  }
  if (isUnanswered(exchange)) await send(exchange, response);
  else await response.body?.cancel();
}

async function toRequest(exchange: AdmittedExchange, headers: readonly string[], scheme: string): Promise<Request> {
  const { head, route } = exchange;
  const pairs: [string, string][] = [["host", head.host]];
  for (let index = 0; index < headers.length; index += 2) {
    pairs.push([headers[index] as string, headers[index + 1] as string]);
  }
  const init: RequestInit & { duplex?: "half" } = { method: head.method, headers: pairs };
  if (head.contentLength !== 0) {
    inviteBody(exchange);
    init.body = await handlerBody(exchange.request, head.contentLength, route.maxBodyBytes);
    init.duplex = "half";
  }
  const request = new Request(requestUrl(exchange, scheme), init);
  // Passed as `init.signal` it would cost more than the rest of the request: a signal that follows a signal.
  return Object.defineProperty(request, "signal", { value: exchange.signal });
}

function requestUrl({ head }: AdmittedExchange, scheme: string): string {
  const url = `${scheme}://${head.host}${head.path}${head.query}`;
  if (!URL.canParse(url)) throw networkingError("REQUEST_MALFORMED", { problem: "its Host is no valid authority" });
  return url;
}

async function send(exchange: AdmittedExchange, { status, statusText, headers, body }: Response): Promise<void> {
  const { response } = exchange;
  const fields: string[] = [];
  for (const [name, value] of headers) if (!isHopByHop(name)) fields.push(name, value);
  if (exchange.closing()) fields.push("connection", "close");
  if (statusText) response.writeHead(status, statusText, fields);
  else response.writeHead(status, fields);

  if (!body || exchange.head.method === "HEAD") {
    response.end();
    await body?.cancel();
    return;
  }
  await pipe(exchange, body.getReader());
}

/** True when the stream is known to have ended already: a body of one piece then goes out in one write, with its length. */
async function isOver(next: Promise<ReadableStreamReadResult<Uint8Array>>): Promise<boolean> {
  // A body made from text or bytes ends within a few turns of the microtask queue.
  let patience = Promise.resolve(false);
  for (let turn = 0; turn < 6; turn += 1) patience = patience.then(() => false);
  const ended = next.then(
    ({ done }) => done,
    () => false,
  );
  return Promise.race([ended, patience]);
}

async function pipe(exchange: AdmittedExchange, reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  const { response, signal } = exchange;
  const stop = (): void => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  try {
    for (let next = await reader.read(); !next.done;) {
      const following = reader.read();
      const last = await isOver(following);
      // A cancelled reader reports an end too; the client must not take it for a whole body.
      if (signal.aborted) return;
      if (last) return void response.end(next.value);
      if (!response.write(next.value) && !(await drained(response))) return;
      next = await following;
    }
    if (!signal.aborted) response.end();
  } catch (error) {
    response.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
