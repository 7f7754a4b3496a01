/** A connection that is closed when nothing has come for a while. */
export interface Idling {
  /** True while nothing is owed to the client. */
  readonly idle: boolean;
  /** Turns of the sweep since something came or went. Set by the sweep, and to 0 by the connection. */
  turns: number;
  /** Ends it. */
  close(): void;
}

/** Turns in which a connection may be idle: it is closed after its time, or up to a quarter later. */
const turnsAllowed = 4;

/** Closes connections that are idle for too long: by one timer for all, so that a request costs no timer of its own. */
export class IdleConnections {
  readonly #milliseconds: number;
  readonly #connections: Set<Idling> = new Set();
  #timer: NodeJS.Timeout | null = null;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  add(connection: Idling): void {
    this.#connections.add(connection);
    // What a connection is used through keeps the process alive.
    this.#timer ??= setInterval(() => this.#sweep(), Math.max(1, this.#milliseconds / turnsAllowed)).unref();
  }

  delete(connection: Idling): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Closes those of which nobody waits for anything. */
  closeIdle(): void {
    for (const connection of this.#connections) if (connection.idle) connection.close();
  }

  #sweep(): void {
    for (const connection of this.#connections) {
      if (connection.idle && connection.turns++ >= turnsAllowed) connection.close();
    }
  }
}
