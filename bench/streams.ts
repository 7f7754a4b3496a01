import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Suite } from "./harness.ts";

const run = promisify(execFile);

/** Memory does not grow with what goes through it: ten times the bytes beside as many as fit. */
export const streams: Suite = async ({ pair }) => {
  await pair({
    name: "peak of memory, 10 GB put and got through encrypted over s3",
    unit: "MB",
    peerName: "1 GB, by the same code",
    higherIsBetter: false,
    rounds: 1,
    ours: () => peakOf(10e9),
    peer: () => peakOf(1e9),
  });
};

/** Megabytes that a process of its own grows by. */
async function peakOf(bytes: number): Promise<number> {
  const child = fileURLToPath(new URL("./streams-child.ts", import.meta.url));
  const { stdout } = await run(process.execPath, [...process.execArgv, child, String(bytes)]);
  return (JSON.parse(stdout) as { readonly grownBy: number }).grownBy;
}
