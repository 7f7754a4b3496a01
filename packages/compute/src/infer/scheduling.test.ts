import { manualClock } from "@ashlar/core/memory";
import { afterEach, describe, expect, test } from "vitest";

import { loop, product, scale, square } from "../../test/onnx-models.ts";
import type { WorkerInferenceServer } from "./inference-server.ts";
import { createInferenceServer, type InferenceServer, type InferenceServerOptions } from "./index.ts";

let server: InferenceServer;
function serve(options: InferenceServerOptions = {}): InferenceServer {
  server = createInferenceServer(options);
  return server;
}
afterEach(() => server[Symbol.asyncDispose]());

const turn = () => new Promise((resolve) => setImmediate(resolve));
const row = Float32Array.of(1, 1);
const big = { a: square(500), b: square(500) };

describe("execution", () => {
  test("a cheap model of fixed width runs inline; one whose cost does not follow from its rows does not", async () => {
    serve({ inlineBelowMicros: 1e9 });
    expect((await server.load("scale", { onnx: scale(2) })).execution).toBe("inline");
    expect((await server.load("product", { onnx: product })).execution).toBe("worker");
    expect((await server.load("two", { onnx: scale(2), instances: 2 })).execution).toBe("worker");
    expect((await server.load("dear", { onnx: scale(2), inlineBelowMicros: 0 })).execution).toBe("worker");
    expect((await server.load("cold", { onnx: scale(2), warmup: false })).execution).toBe("worker");
  });

  test.each(["inline", "worker", "process"] as const)("%s gives the same answers", async (execution) => {
    const info = await serve().load("scale", { onnx: scale(3), execution });
    expect(info.execution).toBe(execution);
    const answers = await Promise.all([1, 2, 3].map((value) => server.infer("scale", Float32Array.of(value, 0))));
    expect(answers.map(({ y }) => y?.data[0])).toEqual([3, 6, 9]);
    await expect(server.infer("scale", Float32Array.of(1))).rejects.toMatchObject({ code: "INFERENCE_INPUT_INVALID" });
  });

  test("a runtime that works in threads only keeps its models there", async () => {
    const code = `
      import { isMainThread } from "node:worker_threads";
      import ort from ${JSON.stringify(import.meta.resolve("onnxruntime-node"))};
      if (isMainThread) throw new Error("not on this thread");
      export const { Tensor, InferenceSession } = ort;`;
    serve({ ort: `data:text/javascript,${encodeURIComponent(code)}` });
    expect((await server.load("scale", { onnx: scale(2), inlineBelowMicros: 1e9 })).execution).toBe("worker");
    expect((await server.infer("scale", row))["y"]?.data[0]).toBe(2);
  });

  test("a runtime of WebAssembly stays on the event loop, however far its runs are apart", async () => {
    const info = await serve({ ort: import.meta.resolve("onnxruntime-web") }).load("scale", {
      onnx: scale(2),
      inlineBelowMicros: 5000,
    });
    expect(info.execution).toBe("inline");
    const began = performance.now();
    for (let run = 0; run < 10; run++) {
      expect((await server.infer("scale", row))["y"]?.data[0]).toBe(2);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    // The pauses are no part of it.
    expect(server.statistics()["scale"]?.computeMicros).toBeLessThan((performance.now() - began - 200) * 1000);
    expect(server.models()[0]?.execution).toBe("inline");
  });

  test("a model that turns out slow is moved from the event loop to a worker, and loses no request", async () => {
    const info = await serve().load("loop", { onnx: loop("counted"), inlineBelowMicros: 2000 });
    expect(info.execution).toBe("inline");
    const ask = (times: number) => server.infer("loop", { x: { data: Float32Array.of(times), shape: [] } });
    const answers = await Promise.all(Array.from({ length: 12 }, () => ask(30_000)));
    expect(answers.map(({ y }) => y?.data[0])).toEqual(Array.from({ length: 12 }, () => 30_000));
    await expect.poll(() => server.models()[0]?.execution, { timeout: 20_000 }).toBe("worker");
    expect((await ask(3))["y"]?.data[0]).toBe(3);
    expect(server.models()).toMatchObject([{ instances: 1 }]);
  });
});

describe("queue policy", () => {
  test("urgent requests go first, and a level has a limit of its own", async () => {
    await serve().load("product", {
      onnx: product,
      queue: { limit: 10, defaultPriority: 3, priorities: { "7": { limit: 1 } } },
    });
    const order: string[] = [];
    const ask = (name: string, priority?: number) =>
      server.infer("product", big, priority === undefined ? {} : { priority }).then(() => order.push(name));
    const running = ask("first");
    await turn();
    const others = [ask("low", 7), ask("default"), ask("high", 1)];
    await expect(server.infer("product", big, { priority: 7 })).rejects.toMatchObject({
      code: "INFERENCE_QUEUE_FULL",
      details: { queueLimit: 1 },
    });
    await Promise.all([running, ...others]);
    expect(order).toEqual(["first", "high", "default", "low"]);
  });

  test.each([
    ["reject", ["late: INFERENCE_DEADLINE_EXCEEDED", "first", "second"]],
    ["delay", ["first", "second", "late"]],
  ] as const)("a request that waits too long: %s", async (timeoutAction, expected) => {
    const clock = manualClock();
    await serve({ clock }).load("product", {
      onnx: product,
      queue: { priorities: { "2": { timeoutMs: 10, timeoutAction } } },
    });
    const order: string[] = [];
    const ask = (name: string, priority: number, inputs = big) =>
      server.infer("product", inputs, { priority }).then(
        () => order.push(name),
        (error: { code: string }) => order.push(`${name}: ${error.code}`),
      );
    // It must still be running when the others are there, on a busy machine too.
    const first = ask("first", 5, { a: square(1500), b: square(1500) });
    await turn();
    const late = ask("late", 2);
    const second = ask("second", 5);
    clock.advance(10);
    await Promise.all([first, late, second]);
    expect(order).toEqual(expected);
  });

  test("a deadline beyond what one timer holds is far off, and so is a limit for loading", async () => {
    const year = 365 * 24 * 3600 * 1000;
    await serve().load("scale", { onnx: scale(3), loadTimeoutMs: year, batching: { maxDelayMs: 30 } });
    const { y } = await server.infer("scale", row, { deadlineMs: year });
    expect(y?.data[0]).toBe(3);
  });

  test("a batch of a preferred size does not wait for its delay", async () => {
    const clock = manualClock();
    const batching = { maxDelayMs: 60_000, preferredBatchRows: [2], maxBatchRows: 8 };
    await serve({ clock }).load("scale", { onnx: scale(1), batching });
    await Promise.all([server.infer("scale", row), server.infer("scale", row)]);
    expect(server.statistics()["scale"]).toMatchObject({ batches: 1, batchSizes: [{ rows: 2, batches: 1 }] });
  });
});

describe("sharing", () => {
  test("two models take turns when one run is allowed at a time", async () => {
    serve({ maxConcurrentRuns: 1 });
    await server.load("a", { onnx: product });
    await server.load("b", { onnx: product });
    const order: string[] = [];
    const ask = (name: string) => server.infer(name, big).then(() => order.push(name));
    await Promise.all([..."aaaa"].map(ask).concat([..."bbbb"].map(ask)));
    const firstHalf = order.slice(0, 4).filter((name) => name === "b").length;
    expect(firstHalf).toBeGreaterThan(0);
    expect(order.length).toBe(8);
  });

  test("an inline run takes in what the turns of the event loop bring while it is put together", async () => {
    await serve({ inlineBelowMicros: 1e9 }).load("scale", { onnx: scale(2) });
    // After a batch of two nobody is taken for a lone caller.
    await Promise.all([server.infer("scale", row), server.infer("scale", row)]);
    const first = server.infer("scale", row);
    await turn();
    const answers = await Promise.all([first, server.infer("scale", row)]);
    expect(answers.map(({ y }) => y?.data[0])).toEqual([2, 2]);
    expect(server.statistics()["scale"]?.batchSizes).toMatchObject([{ rows: 2, batches: 2 }]);
  });

  test.each([{}, { runTimeoutMs: 60_000 }, { hedgeAfterMs: 60_000 }])(
    "the buffers of a joined batch are used again, under %j too",
    async (guard) => {
      const options = { execution: "worker", batching: { maxBatchRows: 8000 }, ...guard } as const;
      await serve().load("scale", { onnx: scale(2), ...options });
      const { buffers } = server as WorkerInferenceServer;
      const x = { data: new Float32Array(6000).fill(1), shape: [3000, 2] };
      const answers = await Promise.all([server.infer("scale", { x }), server.infer("scale", { x })]);
      expect(answers.map(({ y }) => y?.data.at(-1))).toEqual([2, 2]);
      expect(buffers.bytes).toBe(65_536);
    },
  );

  test("hedging runs a slow batch once more on a free instance; the first answer counts", async () => {
    await serve().load("product", { onnx: product, instances: 2, hedgeAfterMs: 1 });
    const heavy = { a: square(900), b: square(900) };
    const answers = await Promise.all([1, 2].map(() => server.infer("product", heavy)));
    expect(answers.map(({ c }) => c?.data[0])).toEqual([900, 900]);
    const small = await server.infer("product", { a: square(2), b: square(2) });
    expect(small["c"]?.data[0]).toBe(2);
    expect(server.models()).toMatchObject([{ instances: 2 }]);
  });
});

describe("response cache", () => {
  test("the same inputs are run once, and a new version begins with nothing", async () => {
    await serve().load("scale", { onnx: scale(2), responseCache: { maxBytes: 10_000 } });
    for (const value of [1, 1, 2, 1]) {
      expect((await server.infer("scale", Float32Array.of(value, 0)))["y"]?.data[0]).toBe(2 * value);
    }
    expect(server.statistics()["scale"]).toMatchObject({ batches: 2, cacheHits: 2, cacheMisses: 2 });
    await server.swap("scale", { onnx: scale(5), responseCache: { maxBytes: 10_000 } });
    expect((await server.infer("scale", Float32Array.of(1, 0)))["y"]?.data[0]).toBe(5);
  });
});

describe("latency target", () => {
  test("is an option like any other, and requests are answered under it", async () => {
    await serve().load("scale", { onnx: scale(2), batching: { latencyTarget: "20ms p99" } });
    const answers = await Promise.all(Array.from({ length: 600 }, () => server.infer("scale", row)));
    expect(answers.every(({ y }) => y?.data[0] === 2)).toBe(true);
    const bad = server.load("bad", { onnx: scale(1), batching: { latencyTarget: "soon" } });
    await expect(bad).rejects.toThrow('such as "5ms p99"');
  });
});
