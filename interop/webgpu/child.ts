// Runs every kernel on WebGPU, loses the device, and goes on: in a process of its own, which a driver may take down.
import { createKernelRuntime, gpuJs, kernel, type KernelBackend, type Matrix, plainJs } from "@ashlar/compute/kernels";
import { kernelCases } from "@ashlar/compute/testing";
import { create, globals } from "webgpu";

interface Device {
  destroy(): void;
}

const devices: Device[] = [];

/** WebGPU that remembers its devices. */
function recording(flags: string[]): unknown {
  const gpu = create(flags);
  const request = gpu.requestAdapter.bind(gpu);
  const requestAdapter = async (): Promise<unknown> => {
    const adapter = await request();
    if (adapter === null) return null;
    const open = adapter.requestDevice.bind(adapter);
    const requestDevice = async (descriptor: never): Promise<Device> => {
      const device = await open(descriptor);
      devices.push(device);
      return device;
    };
    Object.defineProperty(adapter, "requestDevice", { value: requestDevice });
    return adapter;
  };
  Object.defineProperty(gpu, "requestAdapter", { value: requestAdapter });
  return gpu;
}

/** So slow that the other is chosen. */
const slow: KernelBackend = {
  name: "plain-js",
  open: async () => {
    const state = await plainJs().open();
    if (!state.available) return state;
    const run: typeof state.engine.run = async (call) => {
      await new Promise((resolve) => setTimeout(resolve, 500));
      return state.engine.run(call);
    };
    return { available: true, engine: { ...state.engine, run } };
  },
};

const name = "gpu.js:webgpu";
const backends = [slow, gpuJs({ mode: "webgpu", webgpu: { create: recording, globals } })];
const runtime = await createKernelRuntime({ backends, measureMs: 0 });
const reason = runtime.explain().backends.find((row) => row.name === name)?.reason ?? null;
const report = { reason, cases: 0, wrong: [] as string[], lost: {} as Record<string, unknown> };

if (reason === null) {
  const lengths = [
    { rows: 1, columns: 1, depth: 1 },
    { rows: 2, columns: 3, depth: 5 },
    { rows: 17, columns: 7, depth: 33 },
    { rows: 9, columns: 65, depth: 4 },
    { rows: 70, columns: 31, depth: 16 },
  ];
  for (const each of lengths.flatMap((length, seed) => kernelCases(length, seed + 1))) {
    const deviation = await each.check(runtime, name).catch(String);
    if (deviation !== null) report.wrong.push(`${each.title}: ${deviation}`);
    report.cases += 1;
  }

  const square: Matrix = { data: new Float32Array(64 * 64).fill(1), rows: 64, columns: 64 };
  const inputs = { a: square, b: square };
  await runtime.run(kernel.matmul(), inputs);
  const before = runtime.explain().choices[0]?.chosen;
  for (const device of devices) device.destroy();
  const { data } = await runtime.run(kernel.matmul(), inputs);
  const { failures, choices } = runtime.explain();
  const after = choices[0]?.chosen;
  const asked = await runtime.run(kernel.softmax(), { values: square }, { backend: name }).then(
    () => "answered",
    (error: { readonly code?: string }) => error.code,
  );
  report.lost = { before, after, failures, sum: data.reduce((sum, value) => sum + value, 0), asked };
}
await runtime[Symbol.asyncDispose]();
process.stdout.write(JSON.stringify(report));
