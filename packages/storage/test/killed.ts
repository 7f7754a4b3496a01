import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

/** Runs a script of this folder that says "done" at its end; true when it died before. */
export async function killed(script: string, ...args: readonly string[]): Promise<boolean> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, ["--conditions=@ashlar/source", path, ...args]);
  let output = "";
  let problems = "";
  child.stdout.on("data", (data: Buffer) => (output += data.toString()));
  child.stderr.on("data", (data: Buffer) => (problems += data.toString()));
  await once(child, "close");
  expect(problems).toBe("");
  return output !== "done";
}
