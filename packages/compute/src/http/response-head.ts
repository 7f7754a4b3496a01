import { STATUS_CODES } from "node:http";

/** Writes the heads of responses. What is the same in all of one second is put together once. */
export class ResponseHeads {
  readonly #keptFor: string;
  #second = 0;
  /** The last lines of a head, for a connection that goes on and for one that ends. */
  #kept = "";
  #closed = "";

  /** Clients are told that a connection may be idle for so many seconds. */
  constructor(keepAliveSeconds: number) {
    this.#keptFor = `connection: keep-alive\r\nkeep-alive: timeout=${keepAliveSeconds}\r\n\r\n`;
  }

  /** The head of a response with its empty line; the connection ends behind the `last` one. */
  head(status: number, headers: Readonly<Record<string, string>>, contentLength: number, last: boolean): string {
    this.#renew();
    let fields = "";
    for (const name in headers) fields += `${name}: ${headers[name]}\r\n`;
    const end = last ? this.#closed : this.#kept;
    return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${fields}content-length: ${contentLength}\r\n${end}`;
  }

  #renew(): void {
    const second = Math.floor(Date.now() / 1000);
    if (second === this.#second) return;
    this.#second = second;
    // In the form of RFC 9110, section 5.6.7.
    const date = `date: ${new Date(second * 1000).toUTCString()}\r\n`;
    this.#kept = date + this.#keptFor;
    this.#closed = `${date}connection: close\r\n\r\n`;
  }
}
