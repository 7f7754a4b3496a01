import { EventEmitter } from "node:events";
import { createInferenceServer } from "@ashlar/compute/inference";
import { network, rowsOf } from "./inference-child.ts";
const server = createInferenceServer();
await server.load("network", { onnx: network() });
const rows = Number(process.argv[2] ?? 1),
  conns = Number(process.argv[3] ?? 64),
  total = Number(process.argv[4] ?? 200000);
const { data, shape } = rowsOf("network", rows);
let body: Buffer;
let extra = "Content-Type: application/json";
if (rows === 1)
  body = Buffer.from(JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape, data: [...data] }] }));
else {
  const json = JSON.stringify({
    inputs: [{ name: "x", datatype: "FP32", shape, parameters: { binary_data_size: data.byteLength } }],
    parameters: { binary_data_output: true },
  });
  body = Buffer.concat([Buffer.from(json), Buffer.from(data.buffer)]);
  extra = `Inference-Header-Content-Length: ${json.length}`;
}
const bytes = Buffer.concat([
  Buffer.from(
    `POST /v2/models/network/infer HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nUser-Agent: load\r\n${extra}\r\nContent-Length: ${body.length}\r\n\r\n`,
  ),
  body,
]);
let left = 0;
let wake: () => void = () => {};
class Fake extends EventEmitter {
  writableNeedDrain = false;
  allowHalfOpen = false;
  setNoDelay() {}
  pause() {
    return this;
  }
  resume() {
    return this;
  }
  cork() {}
  uncork() {
    if (--left === 0) wake();
  }
  write(s: unknown) {
    if (typeof s === "string" && rows === 1 && --left === 0) wake();
    return true;
  }
  end() {}
  destroy() {}
}
const l = server.connectionListener();
const socks = Array.from({ length: conns }, () => {
  const s = new Fake();
  l(s as never);
  return s;
});
const run = async (n: number) => {
  for (let i = 0; i < n; i += conns) {
    left = conns;
    const p = new Promise<void>((r) => {
      wake = r;
    });
    const copies = socks.map(() => {
      const b = Buffer.allocUnsafeSlow(bytes.length);
      bytes.copy(b);
      return b;
    });
    socks.forEach((s, j) => s.emit("data", copies[j]));
    await p;
  }
};
await run(total / 4);
for (let k = 0; k < 5; k++) {
  const a = process.cpuUsage(),
    t = performance.now();
  await run(total / 4);
  const b = process.cpuUsage(a);
  console.log(
    "cpu us/req",
    ((b.user + b.system) / (total / 4)).toFixed(2),
    "wall",
    (((performance.now() - t) * 1000) / (total / 4)).toFixed(2),
  );
}
process.exit(0);
