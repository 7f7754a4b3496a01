import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../server.ts";

const folders = (process.env["PATH"] ?? "").split(":");
const program = (name: string): string | undefined =>
  folders.map((folder) => join(folder, name)).find((path) => existsSync(path));

export const isThere: boolean = program("redis-server") !== undefined && program("redis-cli") !== undefined;

export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Ends the process by SIGKILL as soon as `when` says so. */
  kill(when: () => boolean): Promise<void>;
  /** Starts it on the same port and folder. */
  startAgain(): Promise<void>;
}

/** Starts a Redis server on a free port of the loopback, which keeps nothing unless the options say so. */
export async function startRedis(...options: readonly string[]): Promise<RedisServer> {
  if (!isThere) throw new Error("redis-server is missing: apt-get install redis-server");
  const folder = await mkdtemp(join(tmpdir(), "ashlar-redis-"));
  const port = await freePort();
  const basics = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""];
  let server: ChildProcess;
  const start = async (): Promise<void> => {
    server = spawn("redis-server", [...basics, ...options], { stdio: "ignore" });
    await answering(server, port);
  };
  const stop = async (): Promise<void> => {
    await ended(server, "SIGTERM");
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    async kill(when) {
      for (let i = 0; i < 20_000 && !when(); i++) await new Promise((resolve) => setTimeout(resolve, 1));
      await ended(server, "SIGKILL");
    },
    startAgain: start,
    [Symbol.asyncDispose]: stop,
  };
}

/** Three nodes that share the slots. */
export async function startRedisCluster(): Promise<readonly RedisServer[]> {
  const nodes: RedisServer[] = [];
  try {
    // One at a time: two that look for a free port at once may find the same.
    for (let i = 0; i < 3; i++) {
      const bus = ["--cluster-port", String(await freePort())];
      nodes.push(await startRedis("--cluster-enabled", "yes", ...bus));
    }
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
    await cli("--cluster", "create", ...addresses, "--cluster-replicas", "0", "--cluster-yes");
    for (let attempt = 0; attempt < 100; attempt++) {
      const states = await Promise.all(nodes.map(({ port }) => cli("-p", String(port), "cluster", "info")));
      if (states.every((state) => state.includes("cluster_state:ok"))) return nodes;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error("the Redis cluster did not come together");
  } catch (error) {
    for (const node of nodes) await node[Symbol.asyncDispose]();
    throw error;
  }
}

async function cli(...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)("redis-cli", [...args])).stdout;
}

async function answering(server: ChildProcess, port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (server.exitCode !== null) throw new Error(`redis-server ended with ${server.exitCode}`);
    const answer = await cli("-p", String(port), "ping").catch(() => "");
    if (answer.startsWith("PONG")) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("redis-server did not answer");
}

async function ended(server: ChildProcess, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const gone = new Promise((resolve) => server.once("exit", resolve));
  server.kill(signal);
  await gone;
}
