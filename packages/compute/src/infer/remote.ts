import { fork } from "node:child_process";
import { Worker } from "node:worker_threads";

import { SenderMailbox } from "./mailbox.ts";
import type { FromRunner, RunnerStart, ThreadStart } from "./messages.ts";
import type { Remote } from "./remote-runner.ts";

const entry = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/** A thread; `start` is there before its first line runs. */
export function startThread(name: string, start: RunnerStart): Remote {
  const { maxHeapMb } = start;
  const limits = maxHeapMb === null ? {} : { resourceLimits: { maxOldGenerationSizeMb: maxHeapMb } };
  const mailbox = new SenderMailbox();
  const workerData: ThreadStart = { start, mailbox: mailbox.memory };
  const worker = new Worker(entry, { workerData, name, ...limits });
  let crash: string | null = null;
  worker.on("error", (error) => {
    crash = error instanceof Error ? error.message : String(error);
  });
  return {
    kind: "worker",
    mailbox,
    post(message, transfer) {
      worker.postMessage(message, transfer);
      mailbox.ring();
    },
    onMessage: (listener) => worker.on("message", listener),
    exited: new Promise((resolve) => {
      worker.on("exit", (code) => resolve(crash ?? `the thread ended with code ${code}`));
    }),
    kill() {
      worker.unref();
      void worker.terminate();
    },
  };
}

/** A process, which nothing in this one shares the fate of. Tensors are copied to it and back. */
export function startProcess(start: RunnerStart): Remote {
  const heap = start.maxHeapMb === null ? [] : [`--max-old-space-size=${start.maxHeapMb}`];
  const child = fork(entry, [String(process.pid)], {
    serialization: "advanced",
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    execArgv: [...process.execArgv, ...heap],
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
