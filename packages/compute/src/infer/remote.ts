import { fork } from "node:child_process";

import type { FromRunner, RunnerStart } from "./messages.ts";
import { flagsForFile } from "../start-thread.ts";
import type { Remote } from "./remote-runner.ts";

const entry = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/** A process, which nothing in this one shares the fate of. Tensors are copied to it and back. */
export function startProcess(start: RunnerStart): Remote {
  const heap = start.maxHeapMb === null ? [] : [`--max-old-space-size=${start.maxHeapMb}`];
  const child = fork(entry, [String(process.pid)], {
    serialization: "advanced",
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    execArgv: [...flagsForFile(process.execArgv), ...heap],
  });
  child.on("error", () => {});
  const model = start.model instanceof Uint8Array ? start.model : new Uint8Array(start.model).slice();
  child.send({ kind: "start", start: { ...start, model } }, () => {});
  return {
    kind: "process",
    mailbox: null,
    post: (message) => {
      child.send(message, () => {});
    },
    onMessage: (listener) => child.on("message", (message) => listener(message as FromRunner)),
    exited: new Promise((resolve) => {
      child.on("exit", (code, signal) => resolve(`the process ended with ${signal ?? `code ${code}`}`));
      child.on("error", (error) => resolve(`the process could not be reached: ${error.message}`));
    }),
    kill: () => void child.kill("SIGKILL"),
  };
}
