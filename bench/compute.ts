import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInferenceServer, type InferenceServer } from "@ashlar/compute/inference";
import * as ort from "onnxruntime-node";
import { type Bench, rate, type Suite } from "./harness.ts";
import { hasServingPeer, servingPeerMissing, startServingPeer } from "./peers/serving.ts";
import {
  bareLoop,
  type BareResult,
  type ModelName,
  network,
  ocrClassifier,
  type Question,
  rowsOf,
} from "./inference-child.ts";
import type { GapWay } from "./event-loop-child.ts";
import { hasWrk, wrk, type WrkResult } from "./wrk.ts";

const milliseconds = 800;

/** Models served, against a bare loop of `session.run` on one thread. */
export const compute: Suite = async (bench) => {
  await overHttp(bench);
  await inProcesses(bench);
  await besidePeers(bench);
  await inProcess(bench);
  await eventLoop(bench);
};

interface Traffic {
  readonly model: ModelName;
  readonly rows: number;
  readonly connections: number;
  readonly form: "json" | "binary";
  /** Requests a second of a Poisson process; 0 for a closed loop. */
  readonly perSecond?: number;
  /** What is asked for is latency: a client in Node keeps the cores awake, which costs wrk a wake-up for each answer. */
  readonly latency?: true;
}

/** Something that answers requests, and tells what processor time it has used. */
interface Target {
  readonly port: number;
  cpuMicros(): number | Promise<number>;
}

/** Each 0 where there is none. */
interface Ports {
  readonly port: number;
  readonly httpPort: number;
  readonly echoPort: number;
}

/** The server in a process of its own, with its clients in another. */
class ServerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ports: Ports;

  private constructor(child: ChildProcess, ports: Ports) {
    this.#child = child;
    this.#ports = ports;
  }

  /** Of the listener for connections. */
  get port(): number {
    return this.#ports.port;
  }

  /** The listener of `node:http` in the same process. */
  get throughHttp(): Target {
    return { port: this.#ports.httpPort, cpuMicros: () => this.cpuMicros() };
  }

  /** A listener of `node:http` in the same process that gives back the body, and does nothing else. */
  get echo(): Target {
    return { port: this.#ports.echoPort, cpuMicros: () => this.cpuMicros() };
  }

  /** With 0 processes one that serves itself, else a cluster of so many. */
  static async start(processes = 0): Promise<ServerProcess> {
    const what = processes === 0 ? ["serve"] : ["cluster", String(processes)];
    const child = fork(new URL("./inference-child.ts", import.meta.url), what);
    const [ports] = (await once(child, "message")) as [Ports];
    return new ServerProcess(child, ports);
  }

  async #ask<Answer>(question: Question): Promise<Answer> {
    this.#child.send(question);
    const [answer] = (await once(this.#child, "message")) as [Answer];
    return answer;
  }

  bare(model: ModelName, rows: number): Promise<BareResult> {
    return this.#ask<BareResult>({ kind: "bare", model, rows, milliseconds });
  }

  cpuMicros(): Promise<number> {
    return this.#ask<number>({ kind: "cpu" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.disconnect();
    await once(this.#child, "exit");
  }
}

/** Lets clients ask for a while; gives what they saw, and the processor time that the server took. */
async function load(
  server: Target,
  folder: string,
  { model, rows, connections, form, perSecond = 0, latency }: Traffic,
): Promise<WrkResult & { readonly clientCpuMicros: number }> {
  const file = join(folder, `${model}-${rows}-${form}`);
  const headers = await writeBody(file, model, rows, form);
  const path = `/v2/models/${model}/infer`;
  const before = await server.cpuMicros();
  const seen =
    byWrk && perSecond === 0 && latency === undefined
      ? await wrk({ port: server.port, path, connections, seconds: 1, bodyFile: file, headers })
      : await byNode(server.port, path, connections, perSecond === 0 ? milliseconds : 3000, perSecond, file, headers);
  const cpuMicros = (await server.cpuMicros()) - before;
  if (seen.failures > 0) throw new Error(`${seen.failures} requests of ${model} failed`);
  return { ...seen, cpuMicros, clientCpuMicros: seen.cpuMicros };
}

/** The cores are the server's as well: the less of them the client takes, the more is measured of the server. */
const byWrk = hasWrk();
if (!byWrk) console.log("clients over HTTP are in Node, which takes more of the cores than wrk: apt-get install wrk");

async function byNode(
  port: number,
  path: string,
  connections: number,
  duration: number,
  perSecond: number,
  file: string,
  headers: Readonly<Record<string, string>>,
): Promise<WrkResult> {
  const options = [port, path, connections, duration, perSecond, file, JSON.stringify(headers)];
  const client = fork(new URL("./http-load.ts", import.meta.url), options.map(String));
  const [seen] = (await once(client, "message")) as [Omit<WrkResult, "rate">];
  await once(client, "exit");
  return { ...seen, rate: (seen.answers * 1000) / duration };
}

/** Writes a request's body; gives its headers. */
async function writeBody(
  file: string,
  model: ModelName,
  rows: number,
  form: "json" | "binary",
): Promise<Record<string, string>> {
  const { data, shape } = rowsOf(model, rows);
  const input = { name: "x", datatype: "FP32", shape };
  if (form === "json") {
    await writeFile(file, JSON.stringify({ inputs: [{ ...input, data: [...data] }] }));
    return { "Content-Type": "application/json" };
  }
  const json = JSON.stringify({
    inputs: [{ ...input, parameters: { binary_data_size: data.byteLength } }],
    parameters: { binary_data_output: true },
  });
  await writeFile(file, Buffer.concat([Buffer.from(json), Buffer.from(data.buffer)]));
  return { "Inference-Header-Content-Length": String(json.length) };
}

const cases: readonly (readonly [name: string, unit: string, traffic: Traffic])[] = [
  ["HTTP, 1 row in JSON, 64 connections", "rows", { model: "network", rows: 1, connections: 64, form: "json" }],
  [
    "HTTP, 256 rows in binary, 32 connections",
    "rows",
    { model: "network", rows: 256, connections: 32, form: "binary" },
  ],
  [
    "HTTP, OCR network in two instances, 4 connections",
    "images",
    { model: "ocr", rows: 1, connections: 4, form: "binary" },
  ],
];

/** A server is measured when its code is compiled, as it is for all but the first seconds of its days. */
async function warmUp(servers: readonly ServerProcess[], folder: string): Promise<void> {
  for (const server of servers) {
    for (const [, , traffic] of cases) for (let turn = 0; turn < 3; turn++) await load(server, folder, traffic);
  }
}

async function overHttp({ pair, folder }: Bench): Promise<void> {
  await using server = await ServerProcess.start();
  await warmUp([server], folder);
  for (const [name, unit, traffic] of cases) {
    const { model, rows } = traffic;
    const peerName = `bare loop of session.run on ${rows} ${unit}`;
    await pair({
      name,
      unit: `${unit}/s`,
      peerName,
      rounds: 3,
      ours: async () => (await load(server, folder, traffic)).rate * rows,
      peer: async () => ((await server.bare(model, rows)).runs * rows * 1000) / milliseconds,
    });
    await pair({
      name,
      unit: `${unit}/CPU s`,
      peerName,
      rounds: 3,
      ours: async () => {
        const { answers, cpuMicros } = await load(server, folder, traffic);
        return (answers * rows * 1e6) / cpuMicros;
      },
      peer: async () => {
        const { runs, cpuMicros } = await server.bare(model, rows);
        return (runs * rows * 1e6) / cpuMicros;
      },
    });
  }
  const [, , json] = cases[0] as (typeof cases)[number];
  const perCpuSecond = async (target: Target): Promise<number> => {
    const { answers, cpuMicros } = await load(target, folder, json);
    return (answers * 1e6) / cpuMicros;
  };
  for (const [peerName, target] of [
    ["node:http that gives the body back", server.echo],
    ["server.listener() on node:http", server.throughHttp],
  ] as const) {
    await pair({
      name: "HTTP, 1 row in JSON, 64 connections",
      unit: "requests/CPU s",
      peerName,
      rounds: 3,
      ours: () => perCpuSecond(server),
      peer: () => perCpuSecond(target),
    });
  }
  const one = { model: "network", rows: 1, connections: 1, form: "json", latency: true } as const;
  await pair({
    name: "HTTP, 1 row in JSON, 1 connection, p99",
    unit: "ms",
    peerName: "bare loop of session.run",
    higherIsBetter: false,
    ours: async () => (await load(server, folder, one)).p99,
    peer: async () => (await server.bare("network", 1)).p99Micros / 1000,
  });
  await pair({
    name: "HTTP, Poisson 2,000 requests/s, p99",
    unit: "ms",
    peerName: "the same in a closed loop of 1",
    higherIsBetter: false,
    ours: async () => (await load(server, folder, { ...one, connections: 64, perSecond: 2000 })).p99,
    peer: async () => (await load(server, folder, one)).p99,
  });
}

/** Two processes behind one port beside one, on cores that they share with their clients. */
async function inProcesses({ pair, folder }: Bench): Promise<void> {
  await using one = await ServerProcess.start();
  await using two = await ServerProcess.start(2);
  await warmUp([one, two], folder);
  for (const [name, unit, traffic] of cases) {
    const answers = async (server: ServerProcess): Promise<number> =>
      (await load(server, folder, traffic)).rate * traffic.rows;
    const perCpuSecond = async (server: ServerProcess): Promise<number> => {
      const seen = await load(server, folder, traffic);
      return (seen.answers * traffic.rows * 1e6) / seen.cpuMicros;
    };
    const pairOf = { name: `${name}, two processes`, peerName: "the same in one process", rounds: 3 };
    await pair({ ...pairOf, unit: `${unit}/s`, ours: () => answers(two), peer: () => answers(one) });
    await pair({
      name: `${name}, two processes`,
      unit: `${unit}/s`,
      peerName: `bare loop of session.run on ${traffic.rows} ${unit}`,
      rounds: 3,
      ours: () => answers(two),
      peer: async () => ((await one.bare(traffic.model, traffic.rows)).runs * traffic.rows * 1000) / milliseconds,
    });
    await pair({ ...pairOf, unit: `${unit}/CPU s`, ours: () => perCpuSecond(two), peer: () => perCpuSecond(one) });
    await pair({
      name: `${name}, processor time of the server`,
      unit: "us/request",
      peerName: "processor time of its client",
      higherIsBetter: false,
      rounds: 3,
      ours: async () => {
        const seen = await load(one, folder, traffic);
        return seen.cpuMicros / seen.answers;
      },
      peer: async () => {
        const seen = await load(one, folder, traffic);
        return seen.clientCpuMicros / seen.answers;
      },
    });
  }
}

/** The same requests to servers of others, each with one process for the model: what a request costs, and the slow ones. */
async function besidePeers({ pair, folder }: Bench): Promise<void> {
  const traffic = { model: "network", rows: 1, connections: 16, form: "json" } as const;
  for (const [peer, name] of [
    ["mlserver", "MLServer, adaptive batching"],
    ["ray", "Ray Serve, serve.batch"],
  ] as const) {
    if (!hasServingPeer(peer)) {
      console.log(servingPeerMissing(peer));
      continue;
    }
    await using ours = await ServerProcess.start();
    await using theirs = await startServingPeer(peer, network(), folder);
    const perCpuSecond = async (server: Target): Promise<number> => {
      const { answers, cpuMicros } = await load(server, folder, traffic);
      return (answers * 1e6) / cpuMicros;
    };
    await pair({
      name: "HTTP, 1 row in JSON, 16 connections",
      unit: "requests/CPU s",
      peerName: name,
      rounds: 3,
      ours: () => perCpuSecond(ours),
      peer: () => perCpuSecond(theirs),
    });
    await pair({
      name: "HTTP, 1 row in JSON, 16 connections, p99",
      unit: "ms",
      peerName: name,
      higherIsBetter: false,
      rounds: 3,
      ours: async () => (await load(ours, folder, { ...traffic, latency: true })).p99,
      peer: async () => (await load(theirs, folder, { ...traffic, latency: true })).p99,
    });
  }
}

const warmingMs = 300;

async function inProcess({ pair }: Bench): Promise<void> {
  const onnx = network();
  await using server = createInferenceServer();
  await server.load("network", { onnx });
  await server.load("worker", { onnx, execution: "worker" });
  await server.load("ocr", { onnx: await ocrClassifier(), execution: "worker" });
  const sessions = {
    network: await ort.InferenceSession.create(onnx, { intraOpNumThreads: 1 }),
    ocr: await ort.InferenceSession.create(await ocrClassifier(), { intraOpNumThreads: 1 }),
  };
  const bare = (model: ModelName, rows: number) => bareLoop(sessions[model], model, rows, 400);
  const handler = server.handler();
  const row = rowsOf("network", 1);
  const body = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 30], data: [...row.data] }] });
  const overHandler = async (): Promise<void> => {
    const request = new Request("http://localhost/v2/models/network/infer", { method: "POST", body });
    const response = await handler(request);
    if (!response.ok) throw new Error(await response.text());
    await response.text();
  };

  const lambda = server.lambda();
  const event = { rawPath: "/v2/models/network/infer", requestContext: { http: { method: "POST" } }, body };
  const overLambda = async (): Promise<void> => {
    const { statusCode } = await lambda(event);
    if (statusCode !== 200) throw new Error(String(statusCode));
  };

  // By the processor, of all threads: the wall of a shared machine says more of its other work. Both ways are warm again
  // before they are measured: the collection between two rounds throws compiled code away.
  const throughput = (name: string, work: () => Promise<unknown>, model: ModelName, rows: number, clients: number) =>
    pair({
      name: `${name}, ${clients} at once`,
      unit: model === "ocr" ? "images/CPU s" : "rows/CPU s",
      peerName: `bare loop of session.run on ${rows}`,
      ours: async () => {
        await rate(work, { clients, milliseconds: warmingMs });
        const cpu = process.cpuUsage();
        const start = performance.now();
        const done = (await rate(work, { clients, units: rows })) * ((performance.now() - start) / 1000);
        const { user, system } = process.cpuUsage(cpu);
        return (done * 1e6) / (user + system);
      },
      peer: async () => {
        await bareLoop(sessions[model], model, rows, warmingMs);
        const { runs, cpuMicros } = await bare(model, rows);
        return (runs * rows * 1e6) / cpuMicros;
      },
    });
  const infer = (name: string, model: ModelName, rows: number) => {
    const x = rowsOf(model, rows);
    return () => server.infer(name, { x });
  };
  await throughput("server.infer, 1 row", infer("network", "network", 1), "network", 1, 1);
  await throughput("server.infer, 1 row", infer("network", "network", 1), "network", 1, 64);
  await throughput("server.infer, 256 rows", infer("network", "network", 256), "network", 256, 1);
  await throughput("server.infer, OCR network", infer("ocr", "ocr", 1), "ocr", 1, 2);
  await throughput("Lambda handler, 1 row in JSON", overLambda, "network", 1, 64);
  await throughput("fetch handler, 1 row in JSON", overHandler, "network", 1, 64);
  for (const [name, way] of [
    ["network", "inline"],
    ["worker", "through a worker"],
  ] as const) {
    await pair({
      name: `server.infer, 1 row, ${way}, p50`,
      unit: "us",
      peerName: "bare session.run",
      higherIsBetter: false,
      ours: () => medianMicros(server, name),
      peer: async () => (await bare("network", 1)).p50Micros,
    });
  }
  await Promise.all(Object.values(sessions).map((session) => session.release()));
}

async function medianMicros(server: InferenceServer, name: string): Promise<number> {
  const x = rowsOf("network", 1);
  const times: number[] = [];
  for (let call = 0; call < 4000; call++) {
    const start = performance.now();
    await server.infer(name, { x });
    times.push(performance.now() - start);
  }
  return (times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0) * 1000;
}

/** How long the event loop of a process stands still while a model of some 100 ms runs five times. */
async function eventLoop({ pair }: Bench): Promise<void> {
  const child = fork(new URL("./event-loop-child.ts", import.meta.url), {
    execArgv: [...process.execArgv, "--expose-gc"],
  });
  await once(child, "message");
  const gap = async (way: GapWay): Promise<number> => {
    child.send(way);
    const [longest] = (await once(child, "message")) as [number];
    return longest;
  };
  const name = "longest gap of the event loop while a model runs";
  const alone = "a timer alone, the model in a thread of its own";
  for (const [ours, peer, ourName, peerName] of [
    ["served", "same thread", name, "session.run on the same thread"],
    ["served", "alone", name, alone],
    ["small", "alone", `${name}, tensors of one number`, alone],
    ["given away", "alone", `${name}, inputs given away and outputs freed`, alone],
  ] as const) {
    await pair({
      name: ourName,
      unit: "ms",
      peerName,
      higherIsBetter: false,
      ours: () => gap(ours),
      peer: () => gap(peer),
    });
  }
  child.disconnect();
  await once(child, "exit");
}
