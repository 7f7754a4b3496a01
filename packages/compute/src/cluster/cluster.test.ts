import { once } from "node:events";
import { Agent, request } from "node:http";
import { type AddressInfo, connect, createServer, type Server } from "node:net";

import { afterAll, beforeAll, expect, test } from "vitest";

import { addOne, scale } from "../../test/onnx-models.ts";
import { type InferenceCluster, openModelRepository, startInferenceCluster } from "../infer/index.ts";

let cluster: InferenceCluster;
let server: Server;
let port: number;
beforeAll(async () => {
  cluster = await startInferenceCluster({
    processes: 2,
    wrapper: new URL("../../test/tell-process.ts", import.meta.url),
  });
  await cluster.load("m", { onnx: scale(1), version: "1" });
  server = createServer({ pauseOnConnect: true }, cluster.connectionListener()).listen(0, "127.0.0.1");
  await once(server, "listening");
  ({ port } = server.address() as AddressInfo);
}, 60_000);
afterAll(async () => {
  server.close();
  await cluster[Symbol.asyncDispose]();
}, 60_000);

interface Reply {
  readonly status: number;
  readonly pid: string;
  readonly text: string;
}

function ask(agent: Agent, path: string, body?: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: "127.0.0.1", agent, path, method: body === undefined ? "GET" : "POST" });
    sent.on("error", reject).on("response", (response) => {
      let text = "";
      response
        .setEncoding("utf8")
        .on("data", (piece: string) => (text += piece))
        .on("end", () => resolve({ status: response.statusCode ?? 0, pid: String(response.headers["x-pid"]), text }));
    });
    sent.end(body);
  });
}

const row = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 2], data: [1, 2] }] });
const factorOf = ({ status, text }: Reply): number => {
  if (status !== 200) throw new Error(text);
  const { outputs } = JSON.parse(text) as { outputs: { data: number[] }[] };
  return outputs[0]?.data[0] ?? Number.NaN;
};
const agents = (count: number): Agent[] =>
  Array.from({ length: count }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
const end = (list: readonly Agent[]): void => {
  for (const agent of list) agent.destroy();
};

test("connections go to the processes in turn, and figures are of all of them", async () => {
  const list = agents(4);
  const replies = await Promise.all(list.map((agent) => ask(agent, "/v2/models/m/infer", row)));
  expect(replies.map(factorOf)).toEqual([1, 1, 1, 1]);
  expect(new Set(replies.map(({ pid }) => pid)).size).toBe(2);
  const counts = (await cluster.figures()).map(({ version, statistics }) => [version, statistics.requests]);
  expect(counts).toEqual([["1", 4]]);
  for (const agent of list.slice(0, 2)) {
    const { text } = await ask(agent, "/metrics");
    expect(text).toContain('nv_inference_request_success{model="m",version="1"} 4');
    const stats = await ask(agent, "/v2/models/m/stats");
    expect(JSON.parse(stats.text)).toMatchObject({ model_stats: [{ inference_count: 4 }] });
    expect((await ask(agent, "/v2/health/ready")).status).toBe(200);
  }
  expect(await cluster.metrics()).toContain('nv_inference_count{model="m",version="1"} 4');
  end(list);
});

test("swaps under load lose no request in any process", async () => {
  const list = agents(6);
  const swapping = new AbortController();
  const seen = new Set<number>();
  const pids = new Set<string>();
  const clients = list.map(async (agent) => {
    for (let latest = 0; !swapping.signal.aborted;) {
      const reply = await ask(agent, "/v2/models/m/infer", row);
      const factor = factorOf(reply);
      // A connection stays with its process, where versions never go back.
      if (factor < latest) throw new Error(`${factor} after ${latest}`);
      latest = factor;
      seen.add(factor);
      pids.add(reply.pid);
    }
  });
  for (let factor = 2; factor <= 8; factor++) await cluster.swap("m", { onnx: scale(factor) });
  swapping.abort();
  await Promise.all(clients);
  expect(seen.size).toBeGreaterThan(1);
  expect(pids.size).toBe(2);
  const after = await Promise.all(list.map((agent) => ask(agent, "/v2/models/m/infer", row)));
  expect(after.map(factorOf)).toEqual([8, 8, 8, 8, 8, 8]);
  expect(cluster.models().map(({ name, version, primary }) => [name, version, primary])).toEqual([["m", "8", true]]);
  end(list);
}, 60_000);

test("what fails changes nothing in any process", async () => {
  await expect(cluster.load("broken", { onnx: scale(1).subarray(0, 40) })).rejects.toMatchObject({
    code: "MODEL_INVALID",
  });
  await expect(cluster.swap("m", { onnx: scale(2, "other") })).rejects.toMatchObject({
    code: "MODEL_SIGNATURE_CHANGED",
  });
  await expect(cluster.load("m", { onnx: scale(1) })).rejects.toMatchObject({ code: "MODEL_ALREADY_LOADED" });
  const refused = cluster.swap("m", { onnx: scale(9), shadow: { share: 1, timeoutMs: 20 }, accept: () => false });
  await expect(refused).rejects.toMatchObject({ code: "MODEL_NOT_ACCEPTED" });
  expect(() => cluster.promote("m", "77")).toThrow("77");
  expect(() => cluster.route("absent", {})).toThrow("absent");
  expect(cluster.models().map(({ name, version }) => [name, version])).toEqual([["m", "8"]]);
});

test("versions are added, routed and taken away in every process", async () => {
  const list = agents(2);
  await cluster.add("m", { onnx: scale(20), version: "20" });
  cluster.route("m", { split: { "20": 1 } });
  await cluster.load("plus", { onnx: addOne() });
  for (const agent of list) expect(factorOf(await ask(agent, "/v2/models/m/infer", row))).toBe(20);
  cluster.promote("m", "20");
  await cluster.unload("m", { version: "8" });
  await cluster.unload("plus");
  for (const agent of list) {
    expect(factorOf(await ask(agent, "/v2/models/m/infer", row))).toBe(20);
    expect((await ask(agent, "/v2/models/plus")).status).toBe(404);
  }
  end(list);
});

test("clients load models into every process, where the repository allows it", async () => {
  const list = agents(2);
  const [first, second] = list as [Agent, Agent];
  const load = "/v2/repository/models/stored/load";
  expect((await ask(first, load, "")).status).toBe(501);
  expect(JSON.parse((await ask(first, "/v2/repository/index", "")).text)).toMatchObject([{ name: "m" }]);
  const source = {
    list: async () => [{ name: "stored", settingsStamp: "", versions: [{ version: "3", stamp: "a" }] }],
    settings: async () => undefined,
    read: async () => scale(3),
  };
  cluster.allowRepository(openModelRepository(cluster, source));
  expect((await ask(first, load, "")).status).toBe(200);
  expect(factorOf(await ask(second, "/v2/models/stored/infer", row))).toBe(3);
  const index = JSON.parse((await ask(second, "/v2/repository/index", "")).text);
  expect(index).toEqual([{ name: "stored", version: "3", state: "READY", reason: "" }]);
  expect((await ask(second, "/v2/repository/models/absent/load", "")).status).toBe(404);
  expect((await ask(second, "/v2/repository/models/stored/unload", "")).status).toBe(200);
  expect((await ask(first, "/v2/models/stored")).status).toBe(404);
  cluster.allowRepository(null);
  end(list);
});

test("a process that is killed comes back with what is served, and the others go on meanwhile", async () => {
  await cluster.add("m", { onnx: scale(30), version: "30" });
  const before = cluster.pids;
  process.kill(before[0] as number, "SIGKILL");
  await expect.poll(() => cluster.ready).toBe(false);
  const agent = new Agent({ keepAlive: false });
  expect(factorOf(await ask(agent, "/v2/models/m/infer", row))).toBe(20);
  await expect.poll(() => cluster.ready, { timeout: 30_000 }).toBe(true);
  expect(cluster.pids).not.toEqual(before);
  const list = agents(2);
  for (const kept of list) {
    expect(factorOf(await ask(kept, "/v2/models/m/infer", row))).toBe(20);
    expect(factorOf(await ask(kept, "/v2/models/m/versions/30/infer", row))).toBe(30);
    expect((await ask(kept, "/v2/health/ready")).status).toBe(200);
  }
  end(list);
}, 60_000);

test("options that cannot be are refused, and a process that does not start says so", async () => {
  await expect(startInferenceCluster({ processes: 0 })).rejects.toMatchObject({ code: "INFERENCE_OPTION_INVALID" });
  const wrapper = new URL("data:text/javascript,process.exit(7)");
  await expect(startInferenceCluster({ processes: 1, wrapper })).rejects.toMatchObject({
    code: "CLUSTER_PROCESS_LOST",
    message: expect.stringContaining("code 7"),
  });
  const reading = createServer((socket) => {
    expect(() => cluster.connectionListener()(socket)).toThrow("pauseOnConnect");
  }).listen(0, "127.0.0.1");
  await once(reading, "listening");
  const socket = connect((reading.address() as AddressInfo).port, "127.0.0.1");
  await once(socket, "close");
  reading.close();
});
