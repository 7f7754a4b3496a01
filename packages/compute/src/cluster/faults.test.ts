import { once } from "node:events";
import { Agent, request } from "node:http";
import { type AddressInfo, createServer, type Server } from "node:net";

import { afterAll, beforeAll, expect, test } from "vitest";

import { scale } from "../../test/onnx-models.ts";
import { type InferenceCluster, startInferenceCluster } from "../infer/index.ts";

let cluster: InferenceCluster;
let server: Server;
let port: number;
beforeAll(async () => {
  cluster = await startInferenceCluster({ processes: 2, unresponsiveMs: 2000 });
  await cluster.load("m", { onnx: scale(1), version: "1" });
  await cluster.load("other", { onnx: scale(1), version: "1" });
  server = createServer({ pauseOnConnect: true }, cluster.connectionListener()).listen(0, "127.0.0.1");
  await once(server, "listening");
  ({ port } = server.address() as AddressInfo);
}, 60_000);
afterAll(async () => {
  server.close();
  await cluster[Symbol.asyncDispose]();
}, 60_000);

const row = JSON.stringify({ inputs: [{ name: "x", datatype: "FP32", shape: [1, 2], data: [1, 2] }] });

/** The status of the answer on a connection of its own. */
function ask(path: string, body?: string, timeout = 30_000): Promise<number> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: false });
    const sent = request({
      port,
      host: "127.0.0.1",
      agent,
      path,
      timeout,
      method: body === undefined ? "GET" : "POST",
    });
    sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
    sent.on("error", reject).on("response", (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.end(body);
  });
}

const requests = async (): Promise<number | undefined> =>
  (await cluster.figures()).find(({ name }) => name === "m")?.statistics.requests;

test("a process that hangs is replaced, gives its connections to the others, and its counts stay", async () => {
  for (let i = 0; i < 6; i++) expect(await ask("/v2/models/m/infer", row)).toBe(200);
  expect(await requests()).toBe(6);
  const [stopped = 0] = cluster.pids;
  process.kill(stopped, "SIGSTOP");
  let answered = 0;
  for (let i = 0; i < 8; i++) {
    void ask("/v2/health/live").then(
      () => answered++,
      () => {},
    );
  }
  expect(await requests(), "what was last told").toBe(6);
  // One of them was on its way into the process.
  await expect.poll(() => answered, { timeout: 30_000 }).toBeGreaterThanOrEqual(7);
  await expect.poll(() => cluster.ready, { timeout: 30_000 }).toBe(true);
  expect(cluster.pids).not.toContain(stopped);
  expect(await requests()).toBe(6);
  for (let i = 0; i < 2; i++) expect(await ask("/v2/models/m/infer", row)).toBe(200);
  expect(await requests()).toBe(8);
}, 60_000);

test("a model that is unloaded while a process dies is nowhere afterwards", async () => {
  const [stopped = 0] = cluster.pids;
  process.kill(stopped, "SIGSTOP");
  const unloading = cluster.unload("other");
  process.kill(stopped, "SIGKILL");
  await unloading;
  expect(cluster.models().map(({ name }) => name)).toEqual(["m"]);
  await expect.poll(() => cluster.pids.includes(stopped), { timeout: 30_000 }).toBe(false);
  await expect.poll(() => cluster.ready, { timeout: 30_000 }).toBe(true);
  for (let i = 0; i < 4; i++) {
    expect(await ask("/v2/models/other")).toBe(404);
    expect(await ask("/v2/models/m")).toBe(200);
  }
}, 60_000);

test("connections on their way into a process that dies are answered by another or closed, none is left hanging", async () => {
  const [stopped = 0] = cluster.pids;
  process.kill(stopped, "SIGSTOP");
  const asked = Array.from({ length: 12 }, () => ask("/v2/health/live", undefined, 20_000));
  await new Promise((resolve) => setTimeout(resolve, 100));
  process.kill(stopped, "SIGKILL");
  const outcomes = await Promise.all(asked.map((each) => each.catch(({ message }: Error) => message)));
  // At most one was sent: the next goes out when it is known to have arrived.
  expect(outcomes.filter((outcome) => outcome !== 200)).toSatisfy((others: unknown[]) => others.length <= 1);
  expect(outcomes).not.toContain("no answer in time");
  await expect.poll(() => cluster.pids.includes(stopped), { timeout: 30_000 }).toBe(false);
  await expect.poll(() => cluster.ready, { timeout: 30_000 }).toBe(true);
}, 60_000);

test("all processes may die at once while clients connect", async () => {
  const before = cluster.pids;
  const done = new AbortController();
  const clients = Array.from({ length: 8 }, async () => {
    // What dies with a process is an error of its clients.
    while (!done.signal.aborted) await ask("/v2/models/m/infer", row, 1000).catch(() => {});
  });
  for (const pid of before) process.kill(pid, "SIGKILL");
  await expect.poll(() => cluster.pids.some((pid) => before.includes(pid)), { timeout: 30_000 }).toBe(false);
  await expect.poll(() => cluster.ready, { timeout: 30_000 }).toBe(true);
  done.abort();
  await Promise.all(clients);
  expect(await ask("/v2/models/m/infer", row)).toBe(200);
}, 60_000);

test("a cluster ends while a process of it is still starting", async () => {
  const wrapper = new URL(
    "data:text/javascript,await new Promise((r) => setTimeout(r, 1000)); export default (l) => l;",
  );
  const starting = await startInferenceCluster({ processes: 1, wrapper });
  process.kill(starting.pids[0] as number, "SIGKILL");
  await expect.poll(() => starting.pids).toEqual([]);
  // Time for the next process to be told to start.
  await new Promise((resolve) => setTimeout(resolve, 500));
  await starting[Symbol.asyncDispose]();
}, 60_000);
