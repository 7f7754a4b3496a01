import type { Socket } from "node:net";
import { Worker } from "node:worker_threads";

import { packError, unpackError } from "../errors-in-transit.ts";
import { type ConnectionListener, connectionListener } from "../http/connection-listener.ts";
import { WorkerInferenceServer } from "../infer/inference-server.ts";
import type { ShadowReport } from "../infer/shadow.ts";
import type { ClusterView, RepositoryControl, RepositoryIndexEntry } from "../protocol/options.ts";
import type { ModelFigures } from "../infer/figures.ts";
import type { Answer, Ask, Change, ListenerWrapper, FromMember, MemberStart, ToMember } from "./messages.ts";

/** One process of a cluster: it serves the connections that it is sent, and changes its models with the others. */
class Member implements ClusterView {
  readonly #server: WorkerInferenceServer;
  readonly #serve: ConnectionListener;
  readonly #decisions: Map<number, (go: boolean) => void> = new Map();
  readonly #asked: Map<number, { resolve: (value: Answer) => void; reject: (error: Error) => void }> = new Map();
  readonly #sockets: Set<Socket> = new Set();
  #lastAsk = 0;
  #ready = false;

  constructor(start: MemberStart, wrap: ListenerWrapper | undefined) {
    this.#server = new WorkerInferenceServer(start.server);
    const repository: RepositoryControl = {
      index: async () => (await this.#ask({ what: "index" })) as readonly RepositoryIndexEntry[],
      load: async (name, settings) => void (await this.#ask({ what: "load", name, settings })),
      unload: async (name, { dependents = false } = {}) => void (await this.#ask({ what: "unload", name, dependents })),
    };
    const options = { ...start.protocol, cluster: this, repository };
    this.#serve = connectionListener(this.#server, wrap === undefined ? options : { ...options, wrap });
  }

  get ready(): boolean {
    return this.#ready;
  }

  async figures(): Promise<readonly ModelFigures[]> {
    return (await this.#ask({ what: "figures" })) as readonly ModelFigures[];
  }

  receive(message: ToMember, socket: Socket | undefined): void {
    switch (message.kind) {
      case "connection":
        send({ kind: "taken", id: message.id });
        // Its client has gone.
        if (socket === undefined) break;
        this.#sockets.add(socket);
        socket.once("close", () => this.#sockets.delete(socket));
        this.#serve(socket);
        socket.resume();
        break;
      case "change":
        void this.#change(message.id, message.change);
        break;
      case "decide":
        this.#decisions.get(message.id)?.(message.go);
        this.#decisions.delete(message.id);
        break;
      case "count":
        send({ kind: "counted", id: message.id, figures: this.#server.snapshots() });
        break;
      case "ready":
        this.#ready = message.ready;
        break;
      case "answer":
        this.#asked.get(message.id)?.resolve(message.value);
        this.#asked.delete(message.id);
        break;
      case "refusal":
        this.#asked.get(message.id)?.reject(unpackError(message.error));
        this.#asked.delete(message.id);
        break;
      case "stop":
        void this.#stop();
        break;
      default:
    }
  }

  #ask(ask: Ask): Promise<Answer> {
    const id = ++this.#lastAsk;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      send({ kind: "ask", id, ask });
    });
  }

  async #change(id: number, change: Change): Promise<void> {
    const gate = (report: ShadowReport | null): Promise<boolean> =>
      new Promise((resolve) => {
        this.#decisions.set(id, resolve);
        send({ kind: "prepared", id, report });
      });
    try {
      await apply(this.#server, change, gate);
      send({ kind: "done", id, models: this.#server.models() });
    } catch (error) {
      send({ kind: "failed", id, error: packError(error) });
    } finally {
      this.#decisions.delete(id);
    }
  }

  /** Answers what has come, then ends. */
  async #stop(): Promise<void> {
    const latest = performance.now() + stopMs;
    while (this.#sockets.size > 0 && performance.now() < latest) {
      this.#serve.closeIdleConnections();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await this.#server[Symbol.asyncDispose]();
    process.disconnect();
  }
}

/** Connections that are still used after this many milliseconds are cut. */
const stopMs = 5000;

async function apply(
  server: WorkerInferenceServer,
  change: Change,
  gate: (report: ShadowReport | null) => Promise<boolean>,
): Promise<unknown> {
  const { name } = change;
  switch (change.method) {
    case "load":
      return server.loadWhen(name, change.options, gate);
    case "add":
      return server.addWhen(name, change.options, gate);
    case "swap":
      return server.swapWhen(name, change.options, gate);
    case "unload":
      return server.unload(name, change.version === undefined ? {} : { version: change.version });
    case "promote":
      return server.promote(name, change.version);
    case "route":
      return server.route(name, change.route);
    default:
      return undefined;
  }
}

function send(message: FromMember): void {
  if (process.connected) process.send?.(message);
}

async function start(given: MemberStart): Promise<Member> {
  let wrap: ListenerWrapper | undefined;
  if (given.wrapper !== null) wrap = ((await import(given.wrapper)) as { readonly default: ListenerWrapper }).default;
  return new Member(given, wrap);
}

// A run that never ends must not outlive the first process.
const watch = import.meta.url.endsWith(".ts") ? "../infer/orphan/worker.ts" : "../infer/orphan/worker.js";
new Worker(new URL(watch, import.meta.url), { workerData: Number(process.argv[2]) }).unref();

let member: Member | null = null;
process.on("message", (message: ToMember, socket: Socket | undefined) => {
  if (message.kind !== "start") {
    // Told to stop before it has started.
    if (member === null && message.kind === "stop") process.disconnect();
    member?.receive(message, socket);
    return;
  }
  start(message.start).then(
    (started) => {
      member = started;
      send({ kind: "started" });
    },
    (error: unknown) => send({ kind: "not-started", error: packError(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
