import type { Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "@ashlar/core";
import { startTimer } from "../resilience/deadline.ts";

export interface DrainOptions {
  readonly server: Server;
  /** Every connection, those still in their TLS handshake included. */
  readonly sockets: ReadonlySet<Socket>;
  /** Connections with a request under way. */
  readonly inFlight: ReadonlyMap<Duplex, unknown>;
  readonly clock: Clock;
  readonly drainMs: number;
}

// The last bytes of the last response are still on their way through the socket when it counts as finished.
const flushMs = 500;

/** Stops accepting, waits for the requests under way, and ends what is left when the time is over. */
export async function drain({ server, sockets, inFlight, clock, drainMs }: DrainOptions): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const destroyAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const cancelLimit = startTimer(clock, drainMs, destroyAll);
  let cancelFlush: (() => void) | undefined;
  const onQuiet = (): void => {
    if (inFlight.size === 0) cancelFlush ??= startTimer(clock, Math.min(flushMs, drainMs), destroyAll);
  };
  // Connections that never sent a request would otherwise hold the server open for the whole drain.
  server.on("request", (_, response) => response.once("close", () => queueMicrotask(onQuiet)));
  for (const socket of inFlight.keys()) socket.once("close", onQuiet);
  onQuiet();
  await closed;
  cancelLimit();
  cancelFlush?.();
}
