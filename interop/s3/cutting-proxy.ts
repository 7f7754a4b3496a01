import { createServer, connect, type Server, type Socket } from "node:net";

export interface CuttingProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** Connections that were cut so far. */
  readonly cuts: number;
  /** Cuts the next connections, one after the other, after so many bytes from the server. */
  cutAfter(...bytes: readonly number[]): void;
  /** Cuts the n-th exchange from now (1 is the first), after so many bytes of its request or of its answer. */
  cutExchange(cut: ExchangeCut): void;
  /** Passes the next request on, and cuts the connection instead of passing its answer back. */
  swallowNextAnswer(): void;
}

/** A request, and the answer to it. A body that waits for its leave (100 Continue) is an exchange of its own. */
export interface ExchangeCut {
  readonly exchange: number;
  readonly side: "request" | "answer";
  readonly after: number;
}

/** A proxy on the loopback that cuts connections, as networks do. */
export async function startCuttingProxy(target: string): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let plan: number[] = [];
  let planned: ExchangeCut | undefined;
  let exchanges = 0;
  let cuts = 0;
  const server: Server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => sockets.delete(socket));
    }
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.end());
    const cut = (target: Socket, part: Uint8Array): void => {
      cuts += 1;
      planned = undefined;
      target.write(part, () => client.destroy());
      if (target !== upstream) upstream.destroy();
      else target.end();
    };
    let own = 0;
    let [asking, passed] = [false, 0];
    /** Passes a chunk on, unless the exchange is cut within it. */
    const pass = (side: ExchangeCut["side"], target: Socket, chunk: Uint8Array): void => {
      if (planned?.exchange !== own || planned.side !== side || passed + chunk.byteLength < planned.after) {
        passed += chunk.byteLength;
        target.write(chunk);
      } else cut(target, chunk.subarray(0, planned.after - passed));
    };
    client.on("data", (chunk) => {
      if (!asking) {
        exchanges += 1;
        [asking, passed, own] = [true, 0, exchanges];
      }
      pass("request", upstream, chunk);
    });
    client.on("end", () => upstream.end());
    let left: number | undefined;
    upstream.on("data", (chunk) => {
      if (asking) [asking, passed] = [false, 0];
      if (planned !== undefined) return pass("answer", client, chunk);
      left ??= plan.shift();
      if (left === undefined) return void client.write(chunk);
      if (chunk.byteLength < left) {
        left -= chunk.byteLength;
        return void client.write(chunk);
      }
      cuts += 1;
      client.write(chunk.subarray(0, left), () => client.destroy());
      upstream.destroy();
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const own = typeof address === "object" && address !== null ? address.port : 0;
  return {
    endpoint: `http://127.0.0.1:${own}`,
    get cuts() {
      return cuts;
    },
    cutAfter(...bytes) {
      [plan, planned] = [[...bytes], undefined];
    },
    cutExchange(next) {
      planned = next;
      exchanges = 0;
    },
    swallowNextAnswer() {
      [plan, planned] = [[0], undefined];
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
