import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const python = process.env["ASHLAR_FEAST_PYTHON"] ?? here("../../.venv-feast/bin/python");
const script = here("feast_peer.py");

/** False where Feast is not installed in a virtual environment of its own: then its rows are left out. */
export const hasFeast: boolean = existsSync(python);

export const feastMissing =
  "left out: rows beside Feast; python3 -m venv .venv-feast && .venv-feast/bin/pip install -r bench/peers/feast-requirements.txt";

/** What a historical join may take. */
export interface FeastLimits {
  readonly seconds: number;
  readonly memoryMB: number;
}

/** The seconds of a historical join, and how it ended. */
export async function feastHistorical(
  offline: "dask" | "duckdb",
  files: { readonly source: string; readonly labels: string },
  { seconds, memoryMB }: FeastLimits,
): Promise<{ readonly seconds: number; readonly ended: string }> {
  const args = [script, "historical", offline, files.source, files.labels, String(memoryMB)];
  try {
    const { stdout } = await promisify(execFile)(python, args, { timeout: seconds * 1000, killSignal: "SIGKILL" });
    const done = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as { seconds: number; rows: number };
    return { seconds: done.seconds, ended: `gave ${done.rows.toLocaleString("en")} rows` };
  } catch (error) {
    const { killed, stderr = "" } = error as { killed?: boolean; stderr?: string };
    if (killed === true) return { seconds, ended: `stopped after ${seconds} s, its bound` };
    if (/MemoryError|Unable to allocate|OutOfMemory|Out of Memory|malloc/i.test(stderr))
      return { seconds, ended: `out of ${memoryMB / 1000} GB of memory, within ${seconds} s` };
    throw error;
  }
}

/** Brings a file of vectors online in the Redis server at a port. */
export async function feastMaterialize(
  redisPort: number,
  file: string,
  features: number,
): Promise<{ readonly seconds: number; readonly cpuSeconds: number; readonly peakMB: number }> {
  const args = [script, "materialize", String(redisPort), file, String(features)];
  const { stdout } = await promisify(execFile)(python, args, { maxBuffer: 1 << 26 });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}") as {
    seconds: number;
    cpuSeconds: number;
    peakMB: number;
  };
}

/** Feast's Python server, one worker, over what it has materialised into Redis itself. */
export async function feastServer(
  redisPort: number,
  file: string,
  features: number,
  port: number,
): Promise<AsyncDisposable> {
  const child = spawn(python, [script, "serve", ...[redisPort, file, features, port].map(String)], {
    stdio: ["ignore", "ignore", "ignore"],
    // Its workers are processes of its group.
    detached: true,
  });
  try {
    await answering(child, port);
  } catch (error) {
    await stopped(child);
    throw error;
  }
  return { [Symbol.asyncDispose]: () => stopped(child) };
}

async function answering(child: ChildProcess, port: number): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (child.exitCode !== null) throw new Error(`Feast's server ended with ${child.exitCode}`);
    const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
    if (answer?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error("Feast's server did not answer");
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const gone = once(child, "exit");
  process.kill(-child.pid, "SIGKILL");
  await gone;
}
