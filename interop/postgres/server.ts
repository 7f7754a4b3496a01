import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { freePort } from "../server.ts";

const folder = "/usr/lib/postgresql/15/bin";

export const isThere: boolean = existsSync(join(folder, "postgres"));

export interface PostgresServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Ends the server by SIGKILL, its sessions with it, and starts it again on the same files. */
  killAndStartAgain(): Promise<void>;
}

/** Starts a PostgreSQL server of its own on a free port of the loopback. */
export async function startPostgres(): Promise<PostgresServer> {
  if (!isThere) throw new Error("postgres is missing: apt-get install postgresql");
  const data = await mkdtemp(join(tmpdir(), "ashlar-postgres-"));
  // The server refuses to run as root: it runs as the user its package made.
  const user = process.getuid?.() === 0 ? { uid: idOf("-u"), gid: idOf("-g") } : undefined;
  if (user !== undefined) await chown(data, user.uid, user.gid);
  const port = await freePort();
  const url = `postgres://ashlar@127.0.0.1:${port}/postgres`;
  let server: ChildProcess;

  const start = async (): Promise<void> => {
    const settings = ["-c", "listen_addresses=127.0.0.1", "-c", `unix_socket_directories=${data}`];
    for (let attempt = 0; attempt < 100; attempt++) {
      server = spawn(join(folder, "postgres"), ["-D", data, "-p", String(port), ...settings], {
        ...user,
        stdio: ["ignore", "ignore", "pipe"],
      });
      const words = lastWords(server);
      if (await answering(server, url)) return;
      const said = await words;
      // Sessions of a killed server notice its end by themselves, and hold its memory until then.
      if (!said.includes("shared memory block")) throw new Error(`postgres ended with ${server.exitCode}: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    throw new Error("the sessions of the killed postgres did not end");
  };
  const end = async (signal: "SIGKILL" | "SIGINT"): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const gone = new Promise((resolve) => server.once("exit", resolve));
    server.kill(signal);
    await gone;
  };
  const stop = async (): Promise<void> => {
    await end("SIGINT");
    await rm(data, { recursive: true, force: true });
  };

  const initial = ["-D", data, "-U", "ashlar", "--auth=trust", "--encoding=UTF8", "--no-sync"];
  execFileSync(join(folder, "initdb"), initial, { ...user, cwd: data, stdio: "ignore" });
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    port,
    async killAndStartAgain() {
      await end("SIGKILL");
      await start();
    },
    [Symbol.asyncDispose]: stop,
  };
}

const idOf = (which: "-u" | "-g"): number => Number(execFileSync("id", [which, "postgres"], { encoding: "utf8" }));

/** What a process wrote to its standard error last, once it has ended. */
function lastWords(server: ChildProcess): Promise<string> {
  let words = "";
  server.stderr?.on("data", (chunk) => (words = `${words}${chunk}`.slice(-2_000)));
  return new Promise((resolve) => server.once("close", () => resolve(words)));
}

/** Waits until the server answers; false when it ended instead. */
async function answering(server: ChildProcess, url: string): Promise<boolean> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (server.exitCode !== null) return false;
    const client = new Client({ connectionString: url });
    client.on("error", () => undefined);
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error("postgres did not answer");
}
