import { connect } from "node:net";

/** Opens many connections, asks once on each, then keeps all of them open; reports how many answers came. */
const [port = "", count = "0", body = ""] = process.argv.slice(2);
const request = [
  "POST /v2/models/identity/infer HTTP/1.1",
  "Host: a",
  `Content-Length: ${Buffer.byteLength(body)}`,
  "",
  body,
].join("\r\n");

let answers = 0;
let failures = 0;
const ended = (): void => {
  if (answers + failures === Number(count)) process.send?.({ answers, failures });
};
const open = (): void => {
  const socket = connect(Number(port), "127.0.0.1", () => socket.write(request));
  socket.once("data", (data) => {
    if (data.toString("latin1").startsWith("HTTP/1.1 200 ")) answers++;
    else failures++;
    ended();
  });
  socket.once("error", () => {
    failures++;
    ended();
  });
};
// A few hundred at a time: the backlog of a listener is not endless.
let opened = 0;
const timer = setInterval(() => {
  for (let more = 0; more < 250 && opened < Number(count); more++, opened++) open();
  if (opened === Number(count)) clearInterval(timer);
}, 10);
process.on("disconnect", () => process.exit(0));
