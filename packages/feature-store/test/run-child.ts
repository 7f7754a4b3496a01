import { spawn } from "node:child_process";
import { once } from "node:events";

/** Runs a module until it has said `lines` lines, then kills it in the midst of the next, or to its end. @returns its last line */
export async function runChild(module: string, args: readonly string[], lines: number): Promise<string> {
  const running = spawn(process.execPath, [...process.execArgv, module, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  running.stdout.on("data", (text: Buffer) => {
    said += text.toString();
    if (said.split("\n").length > lines) running.kill("SIGKILL");
  });
  await once(running, "close");
  return said.trim().split("\n").at(-1) ?? "";
}
