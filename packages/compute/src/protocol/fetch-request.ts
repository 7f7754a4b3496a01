import { collectBody, type BodyRules, type BodySource } from "./body.ts";
import type { ProtocolRequest } from "./exchange.ts";

/** A fetch `Request` as a request of the protocol. */
export function fromFetch(request: Request, rules: BodyRules): ProtocolRequest {
  return {
    method: request.method,
    path: pathOf(request.url),
    header: (name) => request.headers.get(name) ?? undefined,
    signal: request.signal,
    body: () => collectBody(sourceOf(request), rules),
  };
}

/** `http://host/path?query` to `/path`: what `new URL` would give, for a fraction of its time. */
function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const query = url.indexOf("?", start);
  const path = query < 0 ? url.slice(start) : url.slice(start, query);
  const hash = path.indexOf("#");
  return hash < 0 ? path : path.slice(0, hash);
}

function sourceOf(request: Request): BodySource {
  const reader = request.body?.getReader();
  return {
    contentLength: request.headers.get("content-length") ?? undefined,
    contentEncoding: request.headers.get("content-encoding") ?? undefined,
    // A body made of the caller's array may give that array.
    ownsPieces: false,
    read(collector) {
      if (reader === undefined) {
        collector.end();
        return;
      }
      const next = (): void => {
        reader.read().then(
          ({ done, value }) => {
            if (done) collector.end();
            else {
              collector.add(value);
              next();
            }
          },
          (error: Error) => collector.fail(error),
        );
      };
      next();
    },
    stop: () => void reader?.cancel().catch(() => {}),
  };
}
