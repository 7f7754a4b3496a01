import { connect } from "node:net";

/** One client process: keeps connections busy for a time and reports how many whole answers came. */
const [port = "", path = "/", connections = "32", milliseconds = "3000"] = process.argv.slice(2);
const request = `GET ${path} HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nUser-Agent: load\r\n\r\n`;

let answers = 0;
let failures = 0;
let measuring = true;

function run(): void {
  const socket = connect(Number(port), "127.0.0.1", () => socket.write(request));
  let text = "";
  socket.setEncoding("latin1");
  socket.setNoDelay(true);
  socket.on("data", (data: string) => {
    text += data;
    const end = text.indexOf("\r\n\r\n");
    if (end < 0 || !isWhole(text, end + 4)) return;
    if (text.startsWith("HTTP/1.1 200 ")) answers += 1;
    else failures += 1;
    text = "";
    if (measuring) socket.write(request);
    else socket.destroy();
  });
}

function isWhole(text: string, body: number): boolean {
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, body));
  return length ? text.length >= body + Number(length[1]) : text.endsWith("0\r\n\r\n");
}

for (let count = 0; count < Number(connections); count += 1) run();
setTimeout(() => {
  measuring = false;
  process.send?.({ answers, failures });
  setTimeout(() => process.exit(0), 50);
}, Number(milliseconds));
