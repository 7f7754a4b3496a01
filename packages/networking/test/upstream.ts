import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

export interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  /** Name, value, name, value ... as they came. */
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface TestUpstream extends AsyncDisposable {
  readonly url: string;
  /** Every request that arrived whole. */
  readonly seen: readonly Seen[];
}

/** A server on a free loopback port that records what reaches it. */
export async function startUpstream(answer?: RequestListener): Promise<TestUpstream> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (piece: Buffer) => (body += piece.toString("latin1")));
    request.on("end", () => {
      const { method, url, rawHeaders, headers } = request;
      seen.push({ method, url, rawHeaders, headers, body });
      if (answer) answer(request, response);
      else response.end("upstream");
    });
    request.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
