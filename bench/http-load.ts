import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";

/**
 * One client process over keep-alive connections. It reports how many whole answers came, and what they took.
 *
 * Closed loop, the default: each connection asks again as soon as it has its answer. Open loop, with a rate: requests are
 * due at the times of a Poisson process whatever the server does, and what one takes is counted from the time it was due,
 * so that waiting for a free connection counts too.
 *
 * Arguments: port, path, connections, milliseconds, requests per second (0: closed loop), file of a body to POST, and its
 * extra headers as JSON.
 */
const [port = "", path = "/", connections = "32", milliseconds = "3000", rate = "0", bodyFile = "", headers = "{}"] =
  process.argv.slice(2);
const request = makeRequest();
const perSecond = Number(rate);

let answers = 0;
let failures = 0;
let measuring = true;
const latenciesMs: number[] = [];

interface Connection {
  readonly socket: Socket;
  /** Bytes of the response under way that have not come yet; 0 between two. */
  missing: number;
  /** When the request under way was due. */
  dueAt: number;
}
const free: Connection[] = [];
/** Due times of requests that no connection was free for. */
const due: number[] = [];

function makeRequest(): Buffer {
  const body = bodyFile === "" ? null : readFileSync(bodyFile);
  const extra = Object.entries(JSON.parse(headers) as Record<string, string>).map(
    ([name, value]) => `${name}: ${value}`,
  );
  if (body !== null) extra.push(`Content-Length: ${body.byteLength}`);
  const first = `${body === null ? "GET" : "POST"} ${path} HTTP/1.1`;
  const head = [first, "Host: a", "Accept: */*", "User-Agent: load", ...extra, "", ""].join("\r\n");
  return body === null ? Buffer.from(head) : Buffer.concat([Buffer.from(head), body]);
}

function send(connection: Connection, dueAt: number): void {
  connection.dueAt = dueAt;
  connection.socket.write(request);
}

function open(): void {
  const socket = connect(Number(port), "127.0.0.1", () => {
    if (perSecond === 0) send(connection, performance.now());
    // Nothing is due before all are there: opening them is not what is measured.
    else if (free.push(connection) === Number(connections)) arrivals();
  });
  const connection: Connection = { socket, missing: 0, dueAt: 0 };
  let before: Buffer | null = null;
  socket.setNoDelay(true);
  socket.on("data", (piece: Buffer) => {
    if (connection.missing > 0) connection.missing -= piece.byteLength;
    else {
      const bytes: Buffer = before === null ? piece : Buffer.concat([before, piece]);
      const length = lengthOfResponse(bytes);
      before = length === null ? bytes : null;
      if (length === null) return;
      connection.missing = length - bytes.byteLength;
      if (bytes.compare(ok, 0, ok.byteLength, 0, ok.byteLength) === 0) answers += 1;
      else failures += 1;
    }
    if (connection.missing > 0) return;
    latenciesMs.push(performance.now() - connection.dueAt);
    if (!measuring) socket.destroy();
    else if (perSecond > 0) next(connection);
    else send(connection, performance.now());
  });
}

const ok = Buffer.from("HTTP/1.1 200 ");
/** The bytes of the last response that came whole: most are as long as the one before. */
let usual = 0;

/** `null` when its head has not come yet, or not the end of its chunks. */
function lengthOfResponse(bytes: Buffer): number | null {
  if (bytes.byteLength === usual && bytes.compare(ok, 0, ok.byteLength, 0, ok.byteLength) === 0) return usual;
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const length = /\r\ncontent-length: (\d+)/i.exec(bytes.toString("latin1", 0, end))?.[1];
  if (length === undefined)
    return bytes.toString("latin1", bytes.byteLength - 5) === "0\r\n\r\n" ? bytes.byteLength : null;
  usual = end + 4 + Number(length);
  return usual;
}

/** Takes the oldest request that is due, or waits for one. */
function next(connection: Connection): void {
  const dueAt = due.shift();
  if (dueAt === undefined) free.push(connection);
  else send(connection, dueAt);
}

/** Makes the requests due whose time has come; gaps between them are exponential. */
function arrivals(): void {
  let at = performance.now();
  const tick = (): void => {
    for (; at <= performance.now(); at -= (Math.log(1 - Math.random()) * 1000) / perSecond) {
      const connection = free.pop();
      if (connection === undefined) due.push(at);
      else send(connection, at);
    }
    if (measuring) setImmediate(tick);
  };
  tick();
}

function quantile(share: number): number {
  return latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(share * latenciesMs.length))] ?? Number.NaN;
}

const atStart = process.cpuUsage();
for (let count = 0; count < Number(connections); count += 1) open();
setTimeout(() => {
  measuring = false;
  latenciesMs.sort((a, b) => a - b);
  const { user, system } = process.cpuUsage(atStart);
  const cpuMicros = user + system;
  process.send?.({ answers, failures, p50: quantile(0.5), p99: quantile(0.99), unsent: due.length, cpuMicros });
  setTimeout(() => process.exit(0), 50);
}, Number(milliseconds));
