import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const script = fileURLToPath(new URL("./hostile-checkpoint.ts", import.meta.url));

it("a damaged checkpoint changes no row while the log has its entries, and is named when it has not", async () => {
  const quiet = ["--conditions=@ashlar/source", "--disable-warning=ExperimentalWarning", "--max-old-space-size=400"];
  const args = [...quiet, script, "0", "400"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 100_000, maxBuffer: 1e7 });
  const outcomes = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as [number, string, string]);
  expect(outcomes).toHaveLength(400);
  expect(outcomes.filter(([, withLog]) => withLog !== "same")).toEqual([]);
  expect(outcomes.filter(([, , without]) => without !== "same" && without !== "LOG_CORRUPT")).toEqual([]);
  expect(outcomes.filter(([, , without]) => without === "LOG_CORRUPT").length).toBeGreaterThan(100);
}, 120_000);
