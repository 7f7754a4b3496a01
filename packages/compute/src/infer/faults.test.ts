import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";

import { absurdShape, externalTensor, loop, product, scale, square, unknownOperator } from "../../test/onnx-models.ts";
import { externalDataOf } from "../onnx/external-data.ts";
import { createInferenceServer, type InferenceServer, type InferenceServerOptions } from "./index.ts";

let server: InferenceServer = createInferenceServer();
function serve(options: InferenceServerOptions = {}): InferenceServer {
  server = createInferenceServer(options);
  return server;
}
afterEach(() => server[Symbol.asyncDispose]());

const number = (value: number) => ({ x: { data: Float32Array.of(value), shape: [] } });

describe("hostile models", () => {
  test("a file that reaches outside itself is refused before it is read", async () => {
    for (const location of ["/etc/passwd", "../secret.bin", "weights.bin"]) {
      const load = serve().load("m", { onnx: externalTensor(location) });
      await expect(load).rejects.toMatchObject({ code: "MODEL_INVALID", message: expect.stringContaining(location) });
      await server[Symbol.asyncDispose]();
    }
    expect(externalDataOf(scale(2))).toBeNull();
  });

  test("the search for such files ends on any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const found = externalDataOf(bytes);
        expect(found === null || typeof found === "string").toBe(true);
      }),
    );
    const whole = externalTensor("far away");
    for (let end = 0; end < whole.length; end++) externalDataOf(whole.subarray(0, end));
    expect(externalDataOf(whole)).toBe("far away");
  });

  test("cut files, unknown operators and noise are refused, and those beside them go on", async () => {
    await serve().load("good", { onnx: scale(2) });
    const whole = scale(3);
    const noise = Uint8Array.from({ length: 500 }, (_, index) => (index * 7919) % 251);
    for (const onnx of [whole.subarray(0, whole.length >> 1), unknownOperator, noise]) {
      await expect(server.load("bad", { onnx })).rejects.toMatchObject({ code: "MODEL_INVALID" });
    }
    expect((await server.infer("good", Float32Array.of(1, 1)))["y"]?.data[0]).toBe(2);
  });

  test("a small file that asks for terabytes is refused, and those beside it go on", async () => {
    await serve().load("good", { onnx: scale(2) });
    const load = server.load("absurd", { onnx: absurdShape });
    await expect(load).rejects.toMatchObject({
      code: expect.stringMatching(/^MODEL_(INVALID|WARMUP_FAILED)$/) as string,
    });
    expect((await server.infer("good", Float32Array.of(1, 1)))["y"]?.data[0]).toBe(2);
  });

  test("a shape too large to hold is an error of its request", async () => {
    await serve().load("product", { onnx: product });
    const wide = {
      a: { data: new Float32Array(600_000), shape: [600_000, 1] },
      b: { data: new Float32Array(600_000), shape: [1, 600_000] },
    };
    await expect(server.infer("product", wide)).rejects.toMatchObject({ code: "INFERENCE_FAILED" });
    expect((await server.infer("product", { a: square(2), b: square(2) }))["c"]?.data[0]).toBe(2);
  });

  test("a run that never ends is killed in its process, and the instance is replaced", async () => {
    await serve().load("loop", { onnx: loop("endless"), execution: "process", runTimeoutMs: 300 });
    await expect(server.infer("loop", number(1))).rejects.toMatchObject({
      code: "INFERENCE_RUN_TIMEOUT",
      status: 503,
      retryable: false,
    });
    expect((await server.infer("loop", number(0)))["y"]?.data[0]).toBe(0);
    expect(server.models()).toMatchObject([{ instances: 1, execution: "process" }]);
  });

  test("a run in a thread that takes too long is left to its end, and the process lives on", async () => {
    await serve().load("limited", { onnx: product, execution: "worker", runTimeoutMs: 20 });
    await server.load("free", { onnx: product, execution: "worker" });
    const big = { a: square(1200), b: square(1200) };
    for (let round = 0; round < 3; round++) {
      await expect(server.infer("limited", big)).rejects.toMatchObject({ code: "INFERENCE_RUN_TIMEOUT" });
      // It takes as long as what was given up.
      expect((await server.infer("free", big))["c"]?.data[0]).toBe(1200);
    }
    const lives = () => server.models().map(({ instances }) => instances);
    await expect.poll(lives, { timeout: 20_000 }).toEqual([1, 1]);
  });

  test("a swap while an instance is being replaced gives the next version as many as were asked for", async () => {
    const settings = { onnx: loop("endless"), execution: "process", runTimeoutMs: 1000 } as const;
    await serve().load("loop", { ...settings, instances: 2 });
    await expect(server.infer("loop", number(1))).rejects.toMatchObject({ code: "INFERENCE_RUN_TIMEOUT" });
    expect(await server.swap("loop", settings)).toMatchObject({ version: "2", instances: 2 });
  });

  test("a request's own deadline ends its wait for such a run, and those after it get their answers", async () => {
    await serve().load("loop", { onnx: loop("endless"), execution: "process", runTimeoutMs: 1000, instances: 2 });
    const stuck = server.infer("loop", number(1), { deadlineMs: 50 });
    await expect(stuck).rejects.toMatchObject({ code: "INFERENCE_DEADLINE_EXCEEDED" });
    expect((await server.infer("loop", number(0)))["y"]?.data[0]).toBe(0);
  });
});

describe("a server that is killed", () => {
  test("takes the processes of its instances with it, even one in a run that never ends", async () => {
    const parent = fork(new URL("../../test/orphan-child.ts", import.meta.url));
    const [{ pid }] = (await once(parent, "message")) as [{ pid: number }];
    const alive = (): boolean => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    expect(alive()).toBe(true);
    parent.kill("SIGKILL");
    await once(parent, "exit");
    await expect.poll(alive, { timeout: 10_000 }).toBe(false);
  });
});

describe("instances that die", () => {
  /** A runtime in which the first number of a tensor says how to die. */
  async function withFragileRuntime(work: (ort: string) => Promise<void>): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), "ashlar-infer-"));
    try {
      const file = join(folder, "fragile.mjs");
      await writeFile(
        file,
        `import ort from ${JSON.stringify(import.meta.resolve("onnxruntime-node"))};
         const kept = [];
         export class Tensor extends ort.Tensor {
           constructor(type, data, dims) {
             if (data[0] === -1) process.exit(9);
             if (data[0] === -2) process.kill(process.pid, "SIGKILL");
             if (data[0] === -3) for (;;) kept.push(new Array(1e6).fill({}));
             if (data[0] === -4) throw new Error("thrown in the run");
             super(type, data, dims);
           }
         }
         export const InferenceSession = ort.InferenceSession;`,
      );
      await work(pathToFileURL(file).href);
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  test("a killed process fails its batch as retryable; other models and later requests go on", async () => {
    await withFragileRuntime(async (ort) => {
      serve({ ort });
      await server.load("fragile", { onnx: scale(2), execution: "process" });
      await server.load("other", { onnx: scale(3), execution: "process" });
      const killed = server.infer("fragile", Float32Array.of(-2, 0));
      await expect(killed).rejects.toMatchObject({ code: "INFERENCE_INSTANCE_CRASHED", retryable: true });
      expect((await server.infer("other", Float32Array.of(1, 0)))["y"]?.data[0]).toBe(3);
      expect((await server.infer("fragile", Float32Array.of(4, 0)))["y"]?.data[0]).toBe(8);
      const failed = server.infer("fragile", Float32Array.of(-4, 0));
      await expect(failed).rejects.toMatchObject({ code: "INFERENCE_FAILED" });
    });
  });

  test("a worker that runs out of memory dies alone", async () => {
    await withFragileRuntime(async (ort) => {
      await serve({ ort }).load("fragile", { onnx: scale(2), execution: "worker", maxHeapMb: 64 });
      const full = server.infer("fragile", Float32Array.of(-3, 0));
      await expect(full).rejects.toMatchObject({ code: "INFERENCE_INSTANCE_CRASHED", retryable: true });
      expect((await server.infer("fragile", Float32Array.of(4, 0)))["y"]?.data[0]).toBe(8);
    });
  });
});
