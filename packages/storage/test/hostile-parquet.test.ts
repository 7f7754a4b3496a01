import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const script = fileURLToPath(new URL("./hostile-parquet.ts", import.meta.url));
/** Of the second one has a run longer than its page; the third are of a schema whose elements have lost their names. */
const ranges = [
  [0, 400],
  [1520, 1560],
  [2136, 2184],
] as const;
const named = new Set(["PARQUET_CORRUPT", "TYPE_UNSUPPORTED", "CODEC_REFUSED"]);

/** Damage that leaves a file readable is not found where a page has no checksum: its values may differ, its shape not. */
describe("a damaged Parquet file", () => {
  it.each(
    ["duckdb", "hyparquet", "parquetjs-lite"].flatMap((codec) => ranges.map((range) => [codec, ...range] as const)),
  )(
    "is read or refused by name, and never ends the process, by %s: %i to %i",
    async (codec, from, to) => {
      const heap = "--max-old-space-size=400";
      const quiet = "--disable-warning=ExperimentalWarning";
      const args = ["--conditions=@ashlar/source", quiet, heap, script, codec, String(from), String(to)];
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 100_000, maxBuffer: 1e7 });
      const outcomes = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as [number, string]);
      expect(outcomes).toHaveLength(to - from);
      expect(outcomes.filter(([, outcome]) => outcome !== "read" && !named.has(outcome))).toEqual([]);
      expect(outcomes.filter(([, outcome]) => outcome === "PARQUET_CORRUPT").length).toBeGreaterThan((to - from) / 4);
    },
    120_000,
  );
});
