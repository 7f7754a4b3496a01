import { execFile } from "node:child_process";
import { promisify } from "node:util";
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

  it("starts in a program that is text, of node --eval", async () => {
    const program = `
      import { trainLogisticRegression } from "${new URL("./index.ts", import.meta.url).href}";
      const data = { columns: { x: [1, 2, 3, 4], late: [0, 1, 0, 1] } };
      const { summary } = await trainLogisticRegression({ data, label: "late", workers: 2 });
      console.log(summary.rows);`;
    const flags = ["--conditions=@ashlar/source", "--input-type=module", "--eval", program];
    const { stdout } = await promisify(execFile)(process.execPath, flags);
    expect(stdout.trim()).toBe("4");
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
