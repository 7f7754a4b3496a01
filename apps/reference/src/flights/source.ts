import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
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
  let path = join("vega-datasets", "data", "flights-3m.parquet");
  // The package exports its code only: its folder is found from there.
  const folders = require.resolve.paths("vega-datasets") ?? [];
  path = folders.map((folder) => join(folder, path)).find((candidate) => existsSync(candidate)) ?? path;
  if (!existsSync(path)) throw referenceError("SOURCE_MISSING", { file: path });
  return { path, digest: `sha256:${createHash("sha256").update(readFileSync(path)).digest("hex")}` };
}
