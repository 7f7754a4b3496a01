import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { afterAll, beforeAll, expect, test } from "vitest";

import { scale } from "../../test/onnx-models.ts";
import { createInferenceServer, type InferenceServer, type LoadOptions } from "./index.ts";

let folder = "";
let log = "";
/** A runtime that notes the thread of each session. */
let ort = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ashlar-threads-"));
  log = join(folder, "threads");
  const file = join(folder, "noting.mjs");
  await writeFile(
    file,
    `import ort from ${JSON.stringify(import.meta.resolve("onnxruntime-node"))};
     import { appendFileSync } from "node:fs";
     import { isMainThread, threadId } from "node:worker_threads";
     export const Tensor = ort.Tensor;
     export const InferenceSession = {
       create(...given) {
         appendFileSync(${JSON.stringify(log)}, threadId + "\\n");
         return ort.InferenceSession.create(...given);
       },
     };`,
  );
  ort = pathToFileURL(file).href;
});
afterAll(() => rm(folder, { recursive: true }));

/** The threads of all sessions that were opened meanwhile, in their order. */
async function threadsOf(work: (server: InferenceServer) => Promise<void>): Promise<string[]> {
  await writeFile(log, "");
  await using server = createInferenceServer({ ort });
  await work(server);
  return (await readFile(log, "utf8")).trim().split("\n");
}

async function follow(server: InferenceServer, options: Omit<LoadOptions, "onnx">): Promise<void> {
  await server.load("scale", { onnx: scale(1), ...options });
  for (let factor = 2; factor <= 6; factor++) {
    await server.swap("scale", { onnx: scale(factor), ...options });
    expect((await server.infer("scale", Float32Array.of(1, 2)))["y"]?.data[1]).toBe(2 * factor);
  }
}

test("versions that follow one another share threads", async () => {
  const served = await threadsOf((server) => follow(server, { execution: "worker" }));
  expect(served.length).toBe(6);
  expect(new Set(served).size).toBe(2);

  const tried = await threadsOf((server) => follow(server, { inlineBelowMicros: 1e9 }));
  expect(tried.length).toBe(12);
  expect(new Set(tried).size).toBe(2);
});

test("a thread is not used again with another limit, nor after a model that could not be opened", async () => {
  const threads = await threadsOf(async (server) => {
    await server.load("first", { onnx: scale(1), execution: "worker" });
    await server.unload("first");
    await server.load("second", { onnx: scale(1), execution: "worker", maxHeapMb: 64 });
    await server.unload("second");
    const broken = server.load("third", { onnx: scale(1).subarray(0, 40), execution: "worker", maxHeapMb: 64 });
    await expect(broken).rejects.toMatchObject({ code: "MODEL_INVALID" });
    await server.load("fourth", { onnx: scale(1), execution: "worker", maxHeapMb: 64 });
    expect((await server.infer("fourth", Float32Array.of(1, 2)))["y"]?.data[1]).toBe(2);
  });
  expect(new Set(threads).size).toBe(3);
  expect(threads[1]).toBe(threads[2]);
});

test("models of different inputs take turns in one thread", async () => {
  const threads = await threadsOf(async (server) => {
    for (let turn = 1; turn <= 4; turn++) {
      const input = `x${turn}`;
      await server.load("model", { onnx: scale(turn, input), execution: "worker" });
      const data = Float32Array.from({ length: 2 * turn }, (_, index) => index);
      const { y } = await server.infer("model", { [input]: { data, shape: [turn, 2] } });
      expect(y).toEqual({ type: "float32", shape: [turn, 2], data: data.map((value) => value * turn) });
      await server.unload("model");
    }
  });
  expect(new Set(threads).size).toBe(1);
});

test.each([
  ["leave", 0],
  ["close", 3],
])("a kept thread does not hold up the end of the process, and can be waited for: %s", async (way, expected) => {
  const child = fork(new URL("../../test/idle-child.ts", import.meta.url), [way], { execArgv: process.execArgv });
  const [execution] = (await once(child, "message")) as [string];
  const [code] = (await once(child, "exit")) as [number];
  expect({ execution, code }).toEqual({ execution: "inline", code: expected });
});

test("many servers in one process wait for its end once", async () => {
  const before = process.listenerCount("exit");
  const servers = Array.from({ length: 3 }, () => createInferenceServer({ execution: "worker" }));
  try {
    await Promise.all(servers.map((server) => server.load("scale", { onnx: scale(1) })));
    expect(process.listenerCount("exit")).toBe(before + 1);
  } finally {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  }
  expect(process.listenerCount("exit")).toBe(before);
});
