import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const python = process.env["ASHLAR_FEAST_PYTHON"] ?? here("../../.venv-feast/bin/python");

/** What is missing to run Feast; empty when it is there. `.ci/run` installs it. */
export const missing: string = existsSync(python)
  ? ""
  : "needs bench/peers/feast-requirements.txt in a virtual environment of its own, set ASHLAR_FEAST_PYTHON";

/** A row of the source: key, event and created time in epoch microseconds, value. */
export type FeastRow = readonly [id: string | null, event: number, created: number, value: number | null];
/** A label: key, time in epoch microseconds, number. */
export type FeastLabel = readonly [id: string | null, time: number, n: number];

export interface HistoricalRequest {
  readonly offline: "dask" | "duckdb";
  readonly rows: readonly FeastRow[];
  readonly labels: readonly FeastLabel[];
  readonly ttl_us: number;
  /** Leave out what was created after the label's time. */
  readonly known_at?: boolean;
}

/** Feast in a process of its own. */
export interface Feast extends AsyncDisposable {
  /** The labels that come out, by number, each with its value. */
  historical(request: HistoricalRequest): Promise<[number, number | null][]>;
  /** What Feast's own client of a remote online store reads at a URL, by feature. */
  remote(url: string, ids: readonly string[]): Promise<Readonly<Record<string, readonly unknown[]>>>;
  /** What `requests` gets for a body. */
  post(url: string, body: unknown): Promise<{ readonly status: number; readonly json: unknown }>;
}

export function startFeast(): Feast {
  const child: ChildProcess = spawn(python, [here("session.py")], { stdio: ["pipe", "pipe", "pipe"] });
  let log = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (log = (log + text).slice(-4000)));
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const exited = once(child, "close");
  let turn: Promise<unknown> = Promise.resolve();

  async function ask<Answer>(request: Readonly<Record<string, unknown>>): Promise<Answer> {
    const asked = turn.then(async () => {
      child.stdin?.write(`${JSON.stringify(request)}\n`);
      const { value, done } = (await lines.next()) as IteratorResult<string, undefined>;
      if (done === true) throw new Error(`Feast ended:\n${log}`);
      return JSON.parse(value) as { readonly answer?: Answer; readonly error?: string };
    });
    turn = asked.catch(() => undefined);
    const { answer, error } = await asked;
    if (answer === undefined) throw new Error(error ?? "Feast gave no answer");
    return answer;
  }

  return {
    historical: (request) => ask({ do: "historical", ...request }),
    remote: (url, ids) => ask({ do: "remote", url, ids }),
    post: (url, body) => ask({ do: "post", url, body }),
    async [Symbol.asyncDispose]() {
      child.stdin?.end();
      await exited;
    },
  };
}
