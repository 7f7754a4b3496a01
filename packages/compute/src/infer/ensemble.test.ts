import { afterEach, describe, expect, test } from "vitest";

import { addOne, product, scale, square } from "../../test/onnx-models.ts";
import { createInferenceServer, type EnsembleOptions, type InferenceServer } from "./index.ts";

let server: InferenceServer;
afterEach(() => server[Symbol.asyncDispose]());

/** (x * 3) + 1 on one way, x + 1 on the other. */
const diamond: EnsembleOptions = {
  inputs: ["x"],
  outputs: ["left", "right"],
  steps: [
    { model: "add", inputs: { x: "scaled" }, outputs: { y: "left" } },
    { model: "scale", inputs: { x: "x" }, outputs: { y: "scaled" } },
    { model: "add", inputs: { x: "x" }, outputs: { y: "right" } },
  ],
};

async function serve(execution: "inline" | "worker" = "inline"): Promise<void> {
  server = createInferenceServer({ execution });
  await server.load("scale", { onnx: scale(3) });
  await server.load("add", { onnx: addOne() });
}

describe("ensembles", () => {
  test.each(["inline", "worker"] as const)("a graph answers like one model, its steps %s", async (execution) => {
    await serve(execution);
    const info = await server.load("both", { ensemble: diamond });
    expect(info.inputs).toEqual([{ name: "x", type: "float32", shape: [null, 2], symbols: ["rows", null] }]);
    expect(info.outputs.map(({ name }) => name)).toEqual(["left", "right"]);
    const x = { data: Float32Array.of(2, 4), shape: [1, 2] };
    for (let request = 0; request < 3; request++) {
      const { left, right } = await server.infer("both", { x });
      expect([left?.data, right?.data]).toEqual([Float32Array.of(7, 13), Float32Array.of(3, 5)]);
    }
    expect(x.data).toEqual(Float32Array.of(2, 4));
    expect(server.statistics()["both"]).toMatchObject({ requests: 3, failures: 0 });
  });

  test("a step follows the swaps of its model, and requests of many callers share its runs", async () => {
    await serve();
    await server.load("both", { ensemble: diamond });
    await server.swap("scale", { onnx: scale(10) });
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, value) =>
        server.infer("both", { x: { data: Float32Array.of(value, 0), shape: [1, 2] } }),
      ),
    );
    expect(answers.map(({ left }) => left?.data[0])).toEqual([1, 11, 21, 31, 41, 51, 61, 71]);
    expect(server.statistics()["scale"]?.batches).toBeLessThan(8);
  });

  test("a step does not give away what another one waits with for its turn", async () => {
    server = createInferenceServer({ execution: "worker" });
    await server.load("busy", { onnx: product });
    await server.load("free", { onnx: product });
    const step = (model: string, c: string) => ({ model, inputs: { a: "x", b: "y" }, outputs: { c } });
    const steps = [step("busy", "p"), step("free", "q")];
    await server.load("both", { ensemble: { inputs: ["x", "y"], outputs: ["p", "q"], steps } });
    const running = server.infer("busy", { a: square(1500), b: square(1500) });
    await new Promise((resolve) => setImmediate(resolve));
    const { p, q } = await server.infer("both", { x: square(300), y: square(300) }, { transfer: true });
    expect([p?.data[0], q?.data[0]]).toEqual([300, 300]);
    await running;
  });

  test("steps that sleep are woken, and are no reason not to be ready", async () => {
    server = createInferenceServer();
    for (const [name, onnx] of [["scale", scale(3)] as const, ["add", addOne()] as const]) {
      server.addLazy(name, { load: async () => ({ onnx }), idleUnloadMs: 20 });
    }
    await server.load("both", { ensemble: diamond });
    await expect.poll(() => server.models().map(({ name }) => name), { timeout: 20_000 }).toEqual(["both"]);
    expect(server.models()).toMatchObject([{ ready: true }]);
    const { left, right } = await server.infer("both", { x: { data: Float32Array.of(2, 4), shape: [1, 2] } });
    expect([left?.data, right?.data]).toEqual([Float32Array.of(7, 13), Float32Array.of(3, 5)]);
  });

  test("a failing step, a deadline and an abort end the request", async () => {
    await serve();
    await server.load("both", { ensemble: diamond });
    const x = { data: Float32Array.of(1, 2), shape: [1, 2] };
    await expect(server.infer("both", { x }, { deadlineMs: 0 })).rejects.toMatchObject({
      code: "INFERENCE_DEADLINE_EXCEEDED",
    });
    await expect(server.infer("both", { x }, { signal: AbortSignal.abort(new Error("gone")) })).rejects.toThrow("gone");
    await server.unload("add");
    expect(server.models().find(({ name }) => name === "both")).toMatchObject({ ready: false });
    await expect(server.infer("both", { x })).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
    await server.unload("both");
  });

  test("a graph that does not fit together is refused with the reason", async () => {
    await serve();
    await server.load("product", { onnx: product });
    const [, scaleStep] = diamond.steps as [unknown, EnsembleOptions["steps"][number]];
    const load = (changes: Partial<EnsembleOptions>) => server.load("e", { ensemble: { ...diamond, ...changes } });
    await expect(load({ outputs: ["nothing"] })).rejects.toThrow('"nothing"');
    await expect(load({ steps: [{ ...scaleStep, inputs: { x: "y" }, outputs: { y: "y" } }] })).rejects.toThrow('"y"');
    await expect(load({ steps: [scaleStep, scaleStep] })).rejects.toThrow("made once");
    await expect(load({ steps: [{ ...scaleStep, inputs: {} }] })).rejects.toThrow('its input "x"');
    await expect(load({ steps: [{ ...scaleStep, outputs: { z: "scaled" } }] })).rejects.toThrow('not "z"');
    await expect(load({ steps: [{ ...scaleStep, model: "absent" }] })).rejects.toMatchObject({
      code: "MODEL_NOT_FOUND",
    });
    await expect(server.load("e", { ensemble: diamond, onnx: scale(1) })).rejects.toThrow("has no file");
  });
});
