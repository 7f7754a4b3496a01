import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export type ServingPeer = "mlserver" | "ray";

const pythons: Readonly<Record<ServingPeer, string>> = {
  mlserver: process.env["ASHLAR_MLSERVER_PYTHON"] ?? here("../../.venv-mlserver/bin/python"),
  ray: process.env["ASHLAR_RAY_PYTHON"] ?? here("../../.venv-ray/bin/python"),
};

/** False where the peer is not installed in a virtual environment of its own: then its rows are left out. */
export function hasServingPeer(peer: ServingPeer): boolean {
  return existsSync(pythons[peer]);
}

export function servingPeerMissing(peer: ServingPeer): string {
  return `left out: rows beside ${peer}; python3 -m venv .venv-${peer} && .venv-${peer}/bin/pip install -r bench/peers/${peer}-requirements.txt`;
}

/** A server of the peer that answers `POST /v2/models/network/infer`. */
export interface ServingProcess extends AsyncDisposable {
  readonly port: number;
  /** Microseconds of the processor that it and all its processes have used. */
  cpuMicros(): number;
}

export async function startServingPeer(peer: ServingPeer, onnx: Uint8Array, folder: string): Promise<ServingProcess> {
  const port = peer === "mlserver" ? 18_480 : 18_580;
  const model = join(folder, `${peer}.onnx`);
  await writeFile(model, onnx);
  const child = peer === "mlserver" ? await startMlserver(model, folder, port) : startRay(model, port);
  try {
    await answering(child, peer, port);
  } catch (error) {
    await stopped(child);
    throw error;
  }
  return { port, cpuMicros: () => cpuOfTree(child.pid ?? 0), [Symbol.asyncDispose]: () => stopped(child) };
}

async function startMlserver(model: string, folder: string, port: number): Promise<ChildProcess> {
  const home = join(folder, "mlserver");
  await mkdir(home, { recursive: true });
  await copyFile(here("mlserver_peer.py"), join(home, "mlserver_peer.py"));
  const settings = {
    http_port: port,
    grpc_port: port + 1,
    metrics_port: port + 2,
    host: "127.0.0.1",
    parallel_workers: 0,
  };
  await writeFile(join(home, "settings.json"), JSON.stringify({ ...settings, debug: false }));
  const batching = { max_batch_size: 64, max_batch_time: 0.001 };
  const own = { name: "network", implementation: "mlserver_peer.OnnxModel", parameters: { uri: model }, ...batching };
  await writeFile(join(home, "model-settings.json"), JSON.stringify(own));
  const args = ["-c", "from mlserver.cli.main import main; main()", "start", home];
  return spawn(pythons.mlserver, args, { cwd: home, stdio: "ignore", detached: true });
}

function startRay(model: string, port: number): ChildProcess {
  const args = [here("ray_peer.py"), model, String(port)];
  return spawn(pythons.ray, args, { stdio: ["pipe", "ignore", "ignore"], detached: true });
}

async function answering(child: ChildProcess, peer: ServingPeer, port: number): Promise<void> {
  const inputs = [{ name: "x", datatype: "FP32", shape: [1, 30], data: Array.from({ length: 30 }, () => 0.5) }];
  const request = { method: "POST", body: JSON.stringify({ inputs }), headers: { "content-type": "application/json" } };
  for (let attempt = 0; attempt < 600; attempt++) {
    if (child.exitCode !== null) throw new Error(`${peer} ended with ${child.exitCode}`);
    const answer = await fetch(`http://127.0.0.1:${port}/v2/models/network/infer`, request).catch(() => undefined);
    if (answer?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`${peer} did not answer`);
}

/** The process, its children, and theirs. */
function tree(root: number): number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), Number(stat(name)?.[1])] as const);
  const found = [root];
  for (let index = 0; index < found.length; index++) {
    for (const [pid, parent] of parents) if (parent === found[index]) found.push(pid);
  }
  return found;
}

/** The fields of `/proc/PID/stat` after the name: state, parent, and so on. */
function stat(pid: number | string): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** A tick is 10 ms on Linux. */
export function cpuOfTree(root: number): number {
  let ticks = 0;
  for (const pid of tree(root)) {
    const fields = stat(pid);
    ticks += Number(fields?.[11] ?? 0) + Number(fields?.[12] ?? 0);
  }
  return ticks * 10_000;
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const gone = once(child, "exit");
  for (const pid of tree(child.pid).reverse()) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
  await gone;
}
