import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const script = fileURLToPath(new URL("./hostile-checkpoint.ts", import.meta.url));

/** The ways of damage that reach the pages themselves. */
const withinPages = new Set([2, 7]);

it("a damaged checkpoint changes no row while the log has its entries, and is named when it has not", async () => {
  const quiet = ["--conditions=@ashlar/source", "--disable-warning=ExperimentalWarning", "--max-old-space-size=400"];
  const args = [...quiet, script, "0", "400"];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 100_000, maxBuffer: 1e7 });
  const outcomes = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as [number, string, string]);
  expect(outcomes).toHaveLength(400);
  // The text within a page has no checksum: a letter changed there changes a path or a value, and what comes is named.
  const within = outcomes.filter(([seed]) => withinPages.has(seed % 8));
  expect(within.flatMap(([, ...both]) => both).filter((outcome) => outcome.startsWith("unnamed"))).toEqual([]);
  const around = outcomes.filter(([seed]) => !withinPages.has(seed % 8));
  expect(around.filter(([, withLog]) => withLog !== "same")).toEqual([]);
  expect(around.filter(([, , without]) => without !== "same" && without !== "LOG_CORRUPT")).toEqual([]);
  expect(around.filter(([, , without]) => without === "LOG_CORRUPT").length).toBeGreaterThan(100);
}, 120_000);
