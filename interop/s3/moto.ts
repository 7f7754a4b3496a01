import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

export const python: string =
  process.env["ASHLAR_PYTHON"] ?? fileURLToPath(new URL("../../.venv/bin/python", import.meta.url));
export const isThere: boolean = existsSync(python);

export interface Moto extends AsyncDisposable {
  readonly endpoint: string;
}

/** Starts moto on a free port of the loopback. */
export async function startMoto(): Promise<Moto> {
  const port = await freePort();
  const server = spawn(python, ["-m", "moto.server", "-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
  const failed = new Promise<never>((_, reject) => {
    server.once("error", reject);
    server.once("exit", (code) => reject(new Error(`moto ended with ${code}`)));
  });
  const endpoint = `http://127.0.0.1:${port}`;
  await Promise.race([answering(`${endpoint}/moto-api/data.json`), failed]);
  failed.catch(() => {});
  return { endpoint, [Symbol.asyncDispose]: () => ended(server) };
}

export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => void probe.listen(0, "127.0.0.1", resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function answering(url: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  throw new Error("moto did not answer");
}

async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exit = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  server.kill();
  await exit;
}
