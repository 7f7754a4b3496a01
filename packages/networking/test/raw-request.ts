import { connect, type Socket } from "node:net";

export interface RawAnswer {
  /** Statuses of every response on the connection, in order. */
  readonly statuses: readonly number[];
  readonly text: string;
}

/** Sends bytes as they stand and reads until the other side closes, or nothing has come for `quietMs`. */
export function rawRequest(port: number, bytes: string | readonly string[], quietMs = 150): Promise<RawAnswer> {
  const pieces = typeof bytes === "string" ? [bytes] : bytes;
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, "127.0.0.1");
    let text = "";
    const finish = (): void => {
      socket.destroy();
      const statuses = Array.from(text.matchAll(/HTTP\/1\.1 (\d{3}) /g), (match) => Number(match[1]));
      resolve({ statuses, text });
    };
    socket.setEncoding("latin1");
    socket.on("connect", () => {
      for (const piece of pieces) socket.write(piece, "latin1");
    });
    socket.on("data", (data: string) => {
      text += data;
      socket.setTimeout(quietMs, finish);
    });
    socket.on("close", finish);
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ECONNRESET" && error.code !== "EPIPE") reject(error);
    });
    socket.setTimeout(5000, finish);
  });
}
