import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Agent, request } from "undici";
import type { ConsoleState } from "../src/console/state.ts";

/** What `npx ashlar` runs. */
export const commandEntry = fileURLToPath(new URL("../src/ashlar.ts", import.meta.url));
const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const nodeFlags = ["--conditions=@ashlar/source", "--disable-warning=ExperimentalWarning"];

/** How a process of the app ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The app in a process of its own, as `npm start` has it. */
export interface App extends AsyncDisposable {
  readonly exited: Promise<Exit>;
  /** Waits for output that matches; fails when the process ends first. */
  prints(pattern: RegExp): Promise<RegExpExecArray>;
  /** Waits until the console's state satisfies the condition; fails when the process ends first. */
  reaches(condition: (state: ConsoleState) => boolean): Promise<ConsoleState>;
  end(signal: "SIGKILL" | "SIGTERM"): Promise<Exit>;
}

/** Starts the app with these flags, on any free port unless they name one. */
export function startApp(...flags: readonly string[]): App {
  const port = flags.includes("--port") ? [] : ["--port", "0"];
  const child = spawn(process.execPath, [...nodeFlags, main, ...flags, ...port], { stdio: ["ignore", "pipe", "pipe"] });
  const output = collect(child);
  let ended = false;
  const exited = once(child, "close").then(([code, signal]: unknown[]): Exit => {
    ended = true;
    return { code: code as number | null, signal: signal as NodeJS.Signals | null, ...output };
  });

  async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (ended) throw new Error(`the app ended before ${what}:\n${output.stdout}\n${output.stderr}`);
      await sleep(30);
    }
  }
  const app: App = {
    exited,
    prints: (pattern) => until(`it printed ${pattern.source}`, () => pattern.exec(output.stdout) ?? undefined),
    async reaches(condition) {
      const [, origin = ""] = await app.prints(/Console: (https:\S+?)\/ /);
      const agent = new Agent({ connect: { rejectUnauthorized: false } });
      try {
        return await until("its console showed what was waited for", async () => {
          const answer = await request(`${origin}/console/state`, { dispatcher: agent }).catch(() => undefined);
          const state = (await answer?.body.json().catch(() => undefined)) as ConsoleState | undefined;
          return state !== undefined && condition(state) ? state : undefined;
        });
      } finally {
        await agent.destroy();
      }
    },
    async end(signal) {
      child.kill(signal);
      return exited;
    },
    async [Symbol.asyncDispose]() {
      if (!ended) await app.end("SIGKILL");
    },
  };
  return app;
}

/** Runs the app to its end. */
export async function runToEnd(...flags: readonly string[]): Promise<Exit> {
  await using app = startApp(...flags);
  return await app.exited;
}

/** How `ashlar features` ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `ashlar features` in a process of its own. */
export async function ashlarFeatures(...args: readonly string[]): Promise<Ended> {
  const run = promisify(execFile)(process.execPath, [...nodeFlags, commandEntry, "features", ...args]);
  return await run.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: unknown) => error as Ended,
  );
}

function collect(child: ChildProcess): { stdout: string; stderr: string } {
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]?.setEncoding("utf8").on("data", (text: string) => (output[stream] += text));
  }
  return output;
}

/** A folder that is gone when it is disposed of. */
export function temporaryFolder(): Disposable & { readonly path: string; file(...parts: string[]): string } {
  const path = mkdtempSync(join(tmpdir(), "ashlar-reference-"));
  return {
    path,
    file: (...parts) => join(path, ...parts),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}
