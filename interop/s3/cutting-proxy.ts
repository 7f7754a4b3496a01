import { createServer, connect, type Server, type Socket } from "node:net";

export interface CuttingProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** Connections that were cut so far. */
  readonly cuts: number;
  /** Cuts the next connections, one after the other, after so many bytes from the server. */
  cutAfter(...bytes: readonly number[]): void;
  /** Passes the next request on, and cuts the connection instead of passing its answer back. */
  swallowNextAnswer(): void;
}

/** A proxy on the loopback that cuts connections, as networks do. */
export async function startCuttingProxy(target: string): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let plan: number[] = [];
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
    client.pipe(upstream);
    let left: number | undefined;
    upstream.on("data", (chunk) => {
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
    cutAfter: (...bytes) => void (plan = [...bytes]),
    swallowNextAnswer: () => void (plan = [0]),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
