import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const script = fileURLToPath(new URL("./hostile-parquet.ts", import.meta.url));
const mutations = 400;
const named = new Set(["PARQUET_CORRUPT", "TYPE_UNSUPPORTED", "CODEC_REFUSED"]);

/** Damage that leaves a file readable is not found where a page has no checksum: its values may differ, its shape not. */
describe("a damaged Parquet file", () => {
  it.each(["duckdb", "hyparquet", "parquetjs-lite"])(
    "is read or refused by name, and never ends the process, by %s",
    async (codec) => {
      const heap = "--max-old-space-size=400";
      const args = [
        "--conditions=@ashlar/source",
        "--disable-warning=ExperimentalWarning",
        heap,
        script,
        codec,
        "0",
        `${mutations}`,
      ];
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 100_000, maxBuffer: 1e7 });
      const outcomes = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as [number, string]);
      expect(outcomes).toHaveLength(mutations);
      expect(outcomes.filter(([, outcome]) => outcome !== "read" && !named.has(outcome))).toEqual([]);
      expect(outcomes.filter(([, outcome]) => outcome === "PARQUET_CORRUPT").length).toBeGreaterThan(mutations / 4);
    },
    120_000,
  );
});
