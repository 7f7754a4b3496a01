import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { StepRecord } from "../src/index.ts";

const script = fileURLToPath(new URL("./crash-child.ts", import.meta.url));

interface Ending {
  readonly signal: string | null;
  readonly output: string;
}

function runChild(...args: string[]): Promise<Ending> {
  return new Promise((resolve, reject) => {
    const flags = ["--conditions=@ashlar/source", "--disable-warning=ExperimentalWarning"];
    const child = spawn(process.execPath, [...flags, script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", reject);
    child.on("close", (_code, signal) => resolve({ signal, output }));
  });
}

const crashes = [
  ["run-created", ""],
  ...["a", "b", "c", "d"].flatMap((step) =>
    ["step-started", "step-ran", "step-committed"].map((point) => [point, step]),
  ),
  ["run-finished", ""],
] as [string, string][];

describe("kill -9", () => {
  it.for(crashes)(
    "at %s %s: the next process finishes the run and repeats no committed step",
    async ([point, step]) => {
      const folder = mkdtempSync(join(tmpdir(), "ashlar-crash-"));
      try {
        expect(await runChild(folder, point, step)).toMatchObject({ signal: "SIGKILL" });
        const { signal, output } = await runChild(folder);
        expect(signal).toBeNull();
        const { result, steps } = JSON.parse(output) as { result: number; steps: StepRecord[] };
        expect(result).toBe(7);
        expect(steps.map(({ state }) => state)).toEqual(["succeeded", "succeeded", "succeeded", "succeeded"]);

        // A step that was interrupted after its work but before its commit is run again; every other one ran once.
        const ledger = readFileSync(join(folder, "ledger"), "utf8").trim().split("\n");
        for (const name of ["a", "b", "c", "d"]) {
          const again = name === step && point === "step-ran" ? 2 : 1;
          expect(
            ledger.filter((line) => line === name),
            name,
          ).toHaveLength(again);
          const interrupted = name === step && point !== "step-committed" ? 1 : 0;
          expect(steps.find((record) => record.name === name)).toMatchObject({ interruptions: interrupted });
        }
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );

  it("more often than the preemption budget of a step allows fails the run, and says so", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ashlar-crash-"));
    try {
      for (let death = 0; death < 3; death++) {
        expect(await runChild(folder, "step-started", "b", "2")).toMatchObject({ signal: "SIGKILL" });
      }
      const { signal, output } = await runChild(folder, "", "", "2");
      expect(signal).toBeNull();
      expect(JSON.parse(output)).toMatchObject({
        error: { code: "RUN_FAILED", details: { step: "b", code: "STEP_INTERRUPTED" } },
        steps: [
          { name: "a", state: "succeeded", interruptions: 0 },
          { name: "b", state: "failed", attempts: 3, failures: 0, interruptions: 3, errorCode: "STEP_INTERRUPTED" },
          {},
          { name: "d", state: "cancelled", attempts: 0 },
        ],
      });
      expect(readFileSync(join(folder, "ledger"), "utf8")).not.toContain("b\n");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
