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

/**
 * Three million US flights of January to June 2001, from the npm package `vega-datasets`.
 *
 * @param folders where packages may be installed; the package exports its code only, so its data is looked for there
 * @throws SOURCE_MISSING
 */
export function flightsFile(folders: readonly string[] = packageFolders()): SourceFile {
  const file = join("vega-datasets", "data", "flights-3m.parquet");
  const path = folders.map((folder) => join(folder, file)).find((candidate) => existsSync(candidate));
  if (path === undefined) throw referenceError("SOURCE_MISSING", { file });
  return { path, digest: `sha256:${createHash("sha256").update(readFileSync(path)).digest("hex")}` };
}

function packageFolders(): readonly string[] {
  return createRequire(import.meta.url).resolve.paths("vega-datasets") ?? [];
}
