import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { referenceError } from "../errors.ts";

/** The Parquet file that everything begins with. */
export interface SourceFile {
  readonly path: string;
  /** `sha256:` and the digest of its bytes. */
  readonly digest: string;
}

/** Three million US flights of January to June 2001, from the npm package `vega-datasets`. @throws SOURCE_MISSING */
export function flightsFile(): SourceFile {
  const require = createRequire(import.meta.url);
  let path = "vega-datasets/data/flights-3m.parquet";
  try {
    path = join(dirname(require.resolve("vega-datasets/package.json")), "data", "flights-3m.parquet");
  } catch (cause) {
    throw referenceError("SOURCE_MISSING", { file: path }, { cause });
  }
  if (!existsSync(path)) throw referenceError("SOURCE_MISSING", { file: path });
  return { path, digest: `sha256:${createHash("sha256").update(readFileSync(path)).digest("hex")}` };
}
