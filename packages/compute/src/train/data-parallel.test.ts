import { describe, expect, it } from "vitest";
import { createLogisticMemory } from "./logistic-program.ts";
import { runDataParallel } from "./data-parallel.ts";
import type { LogisticInput } from "./logistic-program.ts";

const input: LogisticInput = {
  kind: "logistic-regression",
  training: {
    rows: 2,
    features: 1,
    values: new Float32Array(new SharedArrayBuffer(8)),
    labels: new Uint8Array(new SharedArrayBuffer(2)),
  },
  l2: 1,
  maxIterations: 1,
  tolerance: 1,
  memory: createLogisticMemory(1),
};

/** A worker that waits at a barrier nobody else will reach, except rank 1, which dies. */
function dying(how: string): URL {
  const source = `
    import { workerData } from "node:worker_threads";
    if (workerData.rank === 1) ${how};
    else Atomics.wait(new Int32Array(workerData.control), 0, 0);`;
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}

describe("a group of workers", () => {
  it.each([
    ["exits", "process.exit(3)", /worker 1 of 3 died: it exited with code 3/],
    ["throws", "throw new Error('out of luck')", /worker 1 of 3 died: out of luck/],
  ])("fails by name when one %s while the others wait", async (_, how, message) => {
    const run = runDataParallel({ input, workers: 3, entry: dying(how) });
    await expect(run).rejects.toMatchObject({
      code: "WORKER_DIED",
      retryable: true,
      message: expect.stringMatching(message),
    });
  });

  it("stops when the signal is aborted", async () => {
    const controller = new AbortController();
    const run = runDataParallel({
      input,
      workers: 2,
      entry: dying("setInterval(() => {}, 1000)"),
      signal: controller.signal,
    });
    controller.abort(new Error("enough"));
    await expect(run).rejects.toThrow("enough");
  });
});
