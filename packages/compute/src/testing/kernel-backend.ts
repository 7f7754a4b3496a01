import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createKernelRuntime, kernel, type KernelBackend, type KernelRuntime, type Matrix } from "../kernel/index.ts";
import { kernelCases } from "./kernel-cases.ts";

export interface KernelBackendSuite {
  readonly create: () => KernelBackend;
  /** Names of kernels that it refuses on purpose. @default none */
  readonly refuses?: readonly string[];
}

const lengths = [
  { rows: 1, columns: 1, depth: 1 },
  { rows: 2, columns: 3, depth: 5 },
  { rows: 4, columns: 8, depth: 16 },
  { rows: 17, columns: 7, depth: 33 },
  { rows: 9, columns: 65, depth: 4 },
  { rows: 33, columns: 31, depth: 1 },
  { rows: 0, columns: 3, depth: 2 },
  { rows: 3, columns: 2, depth: 0 },
] as const;

/** What every backend of kernels keeps to: the results of a naive oracle in float64, within the rounding of float32. */
export function describeKernelBackend(name: string, { create, refuses = [] }: KernelBackendSuite): void {
  describe(`kernel backend: ${name}`, () => {
    let runtime: KernelRuntime;
    let backend: string;
    beforeAll(async () => {
      const own = create();
      backend = own.name;
      runtime = await createKernelRuntime({ backends: [own], measureMs: 0 });
      const state = runtime.explain().backends.find((row) => row.name === backend);
      expect(state?.reason, "opens on this machine").toBe(null);
    });
    afterAll(() => runtime?.[Symbol.asyncDispose]());

    const cases = lengths.flatMap((length, seed) => kernelCases(length, seed + 1));
    const kernels = new Map(cases.map((each) => [each.kernel, cases.filter((other) => other.kernel === each.kernel)]));
    for (const kernelName of refuses) {
      it(`refuses ${kernelName}`, async () => {
        const asked = kernels.get(kernelName)?.[0]?.check(runtime, backend);
        await expect(asked).rejects.toMatchObject({ code: "KERNEL_BACKEND_UNAVAILABLE" });
      });
    }

    for (const [kernelName, own] of [...kernels].filter(([each]) => !refuses.includes(each))) {
      it(`${kernelName} gives what the oracle gives`, async () => {
        const wrong: string[] = [];
        for (const { title, check } of own) {
          const deviation = await check(runtime, backend);
          if (deviation !== null) wrong.push(`${title}: ${deviation}`);
        }
        expect(wrong).toEqual([]);
      });
    }

    it("gives results in memory of their own, and runs at once what is asked at once", async () => {
      const matrix = (first: number): Matrix => ({ data: Float32Array.of(first, 0, 0, first), rows: 2, columns: 2 });
      const factors = [1, 2, 3, 4, 5, 6, 7, 8];
      const products = await Promise.all(
        factors.map((factor) => runtime.run(kernel.matmul(), { a: matrix(factor), b: matrix(2) }, { backend })),
      );
      expect(products.map(({ data }) => [...data])).toEqual(factors.map((factor) => [2 * factor, 0, 0, 2 * factor]));
    });
  });
}
