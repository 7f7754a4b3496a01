import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const python = process.env["ASHLAR_PYTHON"] ?? here("../../.venv/bin/python");

/** False where the Python packages of interop/requirements.txt are not installed: then its rows are left out. */
export const hasDeltaRs: boolean = existsSync(python);

/** Seconds that delta-rs takes for the work itself, without starting Python. */
export async function deltaRs(
  command: "small-commits" | "append-file" | "open",
  ...args: readonly string[]
): Promise<number> {
  const { stdout } = await promisify(execFile)(python, [here("delta_rs.py"), command, ...args]);
  return JSON.parse(stdout) as number;
}
