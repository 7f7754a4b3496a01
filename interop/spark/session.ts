import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const python = process.env["ASHLAR_PYTHON"] ?? here("../../.venv/bin/python");
const jars = process.env["ASHLAR_SPARK_JARS"] ?? here("../../.spark/jars");

/** What is missing to run Spark; empty when it is all there. `.ci/run` installs both. */
export const missing: string = !existsSync(python)
  ? "needs the Python packages of interop/requirements.txt, set ASHLAR_PYTHON"
  : !existsSync(jars)
    ? "needs the jars delta-spark and delta-storage, set ASHLAR_SPARK_JARS"
    : "";

/** Spark with Delta Lake in a process of its own. */
export interface Spark extends AsyncDisposable {
  /** Rows by column: 64-bit integers and decimals as text, times as text of epoch microseconds, maps as sorted pairs. */
  sql(text: string): Promise<Record<string, unknown>[]>;
}

type Answer = { readonly rows?: Record<string, unknown>[]; readonly error?: string };

export async function startSpark(warehouse: string): Promise<Spark> {
  const child: ChildProcess = spawn(python, [here("session.py"), jars, warehouse], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, TZ: "UTC", PYTHONUNBUFFERED: "1" },
  });
  let log = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (log = (log + text).slice(-4000)));
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const exited = once(child, "close");

  async function answer(): Promise<Answer> {
    const { value, done } = (await lines.next()) as IteratorResult<string, undefined>;
    if (done === true) throw new Error(`Spark ended:\n${log}`);
    return JSON.parse(value) as Answer;
  }
  await answer();
  let turn: Promise<unknown> = Promise.resolve();
  return {
    async sql(text) {
      const asked = turn.then(() => {
        child.stdin?.write(`${JSON.stringify({ sql: text })}\n`);
        return answer();
      });
      turn = asked.catch(() => undefined);
      const { rows, error } = await asked;
      if (rows === undefined) throw new Error(error ?? "Spark gave no answer");
      return rows;
    },
    async [Symbol.asyncDispose]() {
      child.stdin?.end();
      await exited;
    },
  };
}
