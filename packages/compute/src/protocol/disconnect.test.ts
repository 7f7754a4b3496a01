import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { expect, test } from "vitest";
import { createInferenceServer } from "../infer/index.ts";
import { onnxModel, onnxNode, tensorInfo } from "../onnx/build.ts";
import { encodeOnnx } from "../onnx/encode.ts";

const identity = encodeOnnx(
  onnxModel({
    name: "identity",
    nodes: [onnxNode("Identity", ["x"], ["y"])],
    inputs: [tensorInfo("x", "float32", ["n", 1])],
    outputs: [tensorInfo("y", "float32", ["n", 1])],
  }),
);

test("a client that goes away takes its waiting request out of the queue, and leaves the others", async () => {
  await using inference = createInferenceServer({ batching: { maxDelayMs: 60_000, maxBatchRows: 2 } });
  await inference.load("m", { onnx: identity });
  const handler = inference.handler();
  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const gone = new AbortController();
    outgoing.once("close", () => gone.abort());
    const body = Buffer.concat(await incoming.toArray());
    const url = `http://localhost${incoming.url}`;
    const response = await handler(new Request(url, { method: "POST", body, signal: gone.signal }));
    outgoing.writeHead(response.status).end(await response.text());
  };
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const queued = (): number | undefined => inference.statistics()["m"]?.queued;
  const body = (value: number): string =>
    JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 1], data: [value] }] });
  try {
    const socket = connect(port, "127.0.0.1");
    const head = `POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nContent-Length: ${body(1).length}\r\n\r\n`;
    socket.write(head + body(1));
    await expect.poll(queued, { timeout: 20_000 }).toBe(1);
    socket.destroy();
    await expect.poll(queued, { timeout: 20_000 }).toBe(0);
    expect(inference.statistics()["m"]).toMatchObject({ batches: 0 });

    // Two rows fill a batch: were the first request still there, the second client alone would fill it.
    const ask = (value: number): Promise<unknown> =>
      fetch(`http://127.0.0.1:${port}/v2/models/m/infer`, { method: "POST", body: body(value) }).then((r) => r.json());
    const second = ask(2);
    await expect.poll(queued, { timeout: 20_000 }).toBe(1);
    const answers = await Promise.all([second, ask(3)]);
    expect(answers).toMatchObject([{ outputs: [{ data: [2] }] }, { outputs: [{ data: [3] }] }]);
    expect(inference.statistics()["m"]).toMatchObject({ batches: 1, rows: 2, queued: 0 });
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
