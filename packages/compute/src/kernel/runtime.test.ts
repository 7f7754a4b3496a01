import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  createKernelRuntime,
  fuse,
  kernel,
  type KernelBackend,
  type KernelEngine,
  type Matrix,
  onnxRuntime,
  plainJs,
  wasmSimd,
} from "./index.ts";
import type { KernelRuntime } from "./index.ts";
import { plainEngine } from "./plain-js.ts";

const one: Matrix = { data: Float32Array.of(2), rows: 1, columns: 1 };
const square: Matrix = { data: Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)), rows: 8, columns: 8 };

const backendOf = (name: string, engine: Partial<KernelEngine>): KernelBackend => ({
  name,
  open: async () => ({ available: true, engine: { ...plainEngine, ...engine } }),
});

describe("the runtime", () => {
  let runtime: KernelRuntime;
  beforeAll(async () => {
    runtime = await createKernelRuntime();
  });
  afterAll(() => runtime[Symbol.asyncDispose]());

  test("says what it found, measured and chose", () => {
    const { backends, choices, text } = runtime.explain();
    expect(backends[0]).toEqual({ name: "plain-js", available: true, reason: null });
    for (const { name, reason } of backends.filter(({ available }) => !available)) {
      expect(text).toContain(`${name}: not available (${reason})`);
    }
    for (const { kernel: name, size, chosen, reason, measurements } of choices) {
      expect(measurements.find((row) => row.backend === chosen)).toMatchObject({ correct: true });
      expect(text).toContain(`${name}, ${size}: chose ${chosen}: ${reason}`);
    }
  });

  test("measures products, nearest items and histograms of three sizes when it has the time", async () => {
    await using own = await createKernelRuntime({ backends: [onnxRuntime(), wasmSimd()], measureMs: 60_000 });
    expect(own.explain().choices.map(({ kernel: name, size }) => `${name} ${size}`)).toEqual(
      ["matmul", "topK", "histogram"].flatMap((name) => ["small", "medium", "large"].map((size) => `${name} ${size}`)),
    );
  });

  test("measures a kernel on its own inputs when it is first run", async () => {
    const named = (): unknown => runtime.explain().choices.find((row) => row.kernel === "shares");
    expect(named()).toBe(undefined);
    const shares = fuse("shares", ["rows", "weights"], (on, { rows, weights }) => on.softmax(on.matmul(rows, weights)));
    const { data } = await runtime.run(shares, { rows: square, weights: square });
    expect(data.reduce((sum, value) => sum + value, 0)).toBeCloseTo(8, 5);
    expect(named()).toMatchObject({ size: "small" });
  });
});

describe("choosing", () => {
  test("a backend that computes wrongly is never chosen, one that cannot open says why", async () => {
    const wrong = backendOf("wrong", {
      run: async ({ shapes, program }) =>
        program.results.map((value) => {
          const { rows = 0, columns = 0 } = shapes[value] ?? {};
          return { data: new Float32Array(rows * columns), rows, columns };
        }),
    });
    const absent: KernelBackend = { name: "absent", open: async () => ({ available: false, reason: "no adapter" }) };
    await using own = await createKernelRuntime({ backends: [wrong, absent], measureMs: 200 });
    for (const { chosen } of own.explain().choices) expect(chosen).toBe("plain-js");
    expect((await own.run(kernel.matmul(), { a: one, b: one })).data[0]).toBe(4);
    for (const backend of ["wrong", "absent", "unheard-of"]) {
      await expect(own.run(kernel.matmul(), { a: one, b: one }, { backend })).rejects.toMatchObject({
        code: "KERNEL_BACKEND_UNAVAILABLE",
      });
    }
  });

  test("a backend that fails in use is passed over, and said to be, until it is measured again", async () => {
    let lost = false;
    let ranOnIt = 0;
    const flaky = backendOf("flaky", {
      run: async (call) => {
        if (lost) throw new Error("the device was lost\nat some place");
        ranOnIt += 1;
        return plainEngine.run(call);
      },
    });
    // Plain JS made slow, so that the other is chosen.
    const slow: KernelBackend = { ...plainJs(), open: async () => ({ available: true, engine: slowEngine }) };
    const slowEngine: KernelEngine = {
      ...plainEngine,
      run: async (call) => {
        await new Promise((resolve) => setTimeout(resolve, 2));
        return plainEngine.run(call);
      },
    };
    await using own = await createKernelRuntime({ backends: [slow, flaky], measureMs: 0 });
    const run = (): Promise<Matrix> => own.run(kernel.matmul(), { a: square, b: square });
    const expected = await run();
    expect(own.explain().choices[0]?.chosen).toBe("flaky");
    lost = true;
    for (const found of await Promise.all([run(), run(), run()])) expect(found).toEqual(expected);
    expect(own.explain()).toMatchObject({
      failures: [{ backend: "flaky", kernel: "matmul", size: "small", reason: "the device was lost" }],
      choices: [{ chosen: "plain-js" }],
    });
    expect(own.explain().text).toContain("matmul, small: flaky failed in use and is passed over (the device was lost)");
    const asked = own.run(kernel.matmul(), { a: one, b: one }, { backend: "flaky" });
    await expect(asked).rejects.toMatchObject({ code: "KERNEL_BACKEND_FAILED" });
    lost = false;
    const before = ranOnIt;
    await run();
    expect(ranOnIt).toBe(before);
    await own.measure(kernel.matmul(), { a: square, b: square });
    expect(own.explain()).toMatchObject({ failures: [], choices: [{ chosen: "flaky" }] });
  });

  test("a backend that would take too long is not tried, one that throws while measured neither", async () => {
    const endless = backendOf("endless", {
      run: async (call) => {
        await new Promise((resolve) => setTimeout(resolve, call.work / 20));
        return plainEngine.run(call);
      },
    });
    const broken = backendOf("broken", { run: async () => Promise.reject(new RangeError("out of memory")) });
    await using own = await createKernelRuntime({ backends: [endless, broken], measureMs: 0 });
    await own.run(kernel.matmul(), { a: one, b: one });
    const big = { data: new Float32Array(128 * 128).fill(1), rows: 128, columns: 128 };
    await own.run(kernel.matmul(), { a: big, b: big });
    const { text } = own.explain();
    expect(text).toMatch(/endless: not tried \(it would take some \d+ ms\)/);
    expect(text).toContain("broken: not tried (it failed when measured: out of memory)");
  });

  test("what a call costs beside its steps does not keep a backend from large kernels", async () => {
    let ran = 0;
    // Milliseconds whatever there is to do, as a device that lies behind a bus.
    const far = backendOf("far", {
      run: async (call) => {
        if (call.work > 2 ** 25) ran++;
        await new Promise((resolve) => setTimeout(resolve, 5));
        return plainEngine.run(call);
      },
    });
    await using own = await createKernelRuntime({ backends: [far], measureMs: 0 });
    await own.run(kernel.matmul(), { a: one, b: one });
    const big = { data: new Float32Array(330 * 330).fill(1), rows: 330, columns: 330 };
    await own.run(kernel.matmul(), { a: big, b: big });
    expect(ran).toBeGreaterThan(0);
  });

  test("inputs with NaN go past a backend that promises nothing about them", async () => {
    const seen: number[] = [];
    const careless = backendOf("careless", {
      nonFinite: "unspecified",
      run: async (call) => {
        seen.push(call.tensors[0]?.data[0] ?? 0);
        return plainEngine.run(call);
      },
    });
    await using own = await createKernelRuntime({ backends: [careless], measureMs: 0 });
    await own.run(kernel.sum(), { values: square });
    const { data } = await own.run(kernel.sum(), { values: Float32Array.of(Number.NaN, 1) });
    expect(data[0]).toBeNaN();
    expect(seen.some(Number.isNaN)).toBe(false);
  });

  test("calls at once measure once and agree", async () => {
    await using own = await createKernelRuntime({ backends: [], measureMs: 0 });
    const runs = Array.from({ length: 8 }, () => own.run(kernel.matmul(), { a: square, b: square }));
    const [first, ...others] = await Promise.all(runs);
    for (const other of others) expect(other).toEqual(first);
    expect(own.explain().choices).toHaveLength(1);
  });
});
