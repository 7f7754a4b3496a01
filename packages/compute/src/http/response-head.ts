import { STATUS_CODES } from "node:http";

/** The head of a response with its empty line. The connection is kept for so many seconds, or closed for `null`. */
export function responseHead(
  status: number,
  headers: Readonly<Record<string, string>>,
  contentLength: number,
  keepAliveSeconds: number | null,
): string {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`;
  for (const name in headers) head += `${name}: ${headers[name]}\r\n`;
  const connection = keepAliveSeconds === null ? "close" : `keep-alive\r\nkeep-alive: timeout=${keepAliveSeconds}`;
  return `${head}content-length: ${contentLength}\r\ndate: ${httpDate()}\r\nconnection: ${connection}\r\n\r\n`;
}

let second = 0;
let date = "";

/** In the form of RFC 9110, section 5.6.7; made once a second. */
function httpDate(): string {
  const now = Math.floor(Date.now() / 1000);
  if (now !== second) {
    second = now;
    date = new Date(now * 1000).toUTCString();
  }
  return date;
}
