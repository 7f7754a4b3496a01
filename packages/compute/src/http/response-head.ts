import { STATUS_CODES } from "node:http";

/** Status line and fields of the last response: the next one mostly has the same. */
interface FirstLines {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Writes the heads of responses. What is the same in all of one second is put together once. */
export class ResponseHeads {
  readonly #keptFor: string;
  #fresh = false;
  #first: FirstLines = { status: 0, headers: {}, text: "" };
  /** The last lines of a head, for a connection that goes on and for one that ends. */
  #kept = "";
  #closed = "";

  /** Clients are told that a connection may be idle for so many seconds. */
  constructor(keepAliveSeconds: number) {
    this.#keptFor = `connection: keep-alive\r\nkeep-alive: timeout=${keepAliveSeconds}\r\n\r\n`;
  }

  /** The head of a response with its empty line; the connection ends behind the `last` one. */
  head(status: number, headers: Readonly<Record<string, string>>, contentLength: number, last: boolean): string {
    if (!this.#fresh) this.#renew();
    if (status !== this.#first.status || headers !== this.#first.headers) {
      this.#first = { status, headers, text: firstLines(status, headers) };
    }
    return `${this.#first.text}content-length: ${contentLength}\r\n${last ? this.#closed : this.#kept}`;
  }

  #renew(): void {
    const now = Date.now();
    // In the form of RFC 9110, section 5.6.7.
    const date = `date: ${new Date(now).toUTCString()}\r\n`;
    this.#kept = date + this.#keptFor;
    this.#closed = `${date}connection: close\r\n\r\n`;
    this.#fresh = true;
    // Until the second is over: to ask for the time at each response costs more than the rest of its head.
    setTimeout(() => (this.#fresh = false), 1000 - (now % 1000)).unref();
  }
}

function firstLines(status: number, headers: Readonly<Record<string, string>>): string {
  let fields = "";
  for (const name in headers) fields += `${name}: ${headers[name]}\r\n`;
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${fields}`;
}
