import { type ChildProcess, fork } from "node:child_process";
import type { Socket } from "node:net";

import { computeError } from "../errors.ts";
import { packError, unpackError } from "../errors-in-transit.ts";
import type { ModelSnapshot } from "../infer/figures.ts";
import type { ModelInfo } from "../infer/server.ts";
import type { ShadowReport } from "../infer/shadow.ts";
import type { Ask, Answer, Change, FromMember, MemberStart, ToMember } from "./messages.ts";

const entry = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

/** Milliseconds that a process has for ending by itself: its connections have five seconds of them. */
const endMs = 10_000;

/** A change under way in one process. */
interface ChangeUnderWay {
  /** Resolves when the change only waits for the decision, or has been made. */
  readonly prepared: PromiseWithResolvers<ShadowReport | null>;
  readonly done: PromiseWithResolvers<readonly ModelInfo[]>;
}

/** One process of a cluster, seen from the first. */
export class MemberProcess {
  readonly exited: Promise<string>;
  readonly #child: ChildProcess;
  readonly #started: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #changes: Map<number, ChangeUnderWay> = new Map();
  readonly #counts: Map<number, PromiseWithResolvers<readonly ModelSnapshot[]>> = new Map();
  /** What becomes of connections that have not gone out. */
  readonly #leaving: Map<Socket, () => void> = new Map();
  readonly #onAsk: (ask: Ask) => Promise<Answer>;
  #lastCounted: readonly ModelSnapshot[] = [];
  #gone: string | null = null;

  constructor(start: MemberStart, onAsk: (ask: Ask) => Promise<Answer>) {
    this.#onAsk = onAsk;
    this.#child = fork(entry, [String(process.pid)], {
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#child.on("message", (message) => this.#receive(message as FromMember));
    this.exited = new Promise((resolve) => {
      const end = (reason: string): void => {
        this.#lose(reason);
        resolve(reason);
      };
      this.#child.on("exit", (code, signal) => end(`it ended with ${signal ?? `code ${code}`}`));
      this.#child.on("error", (error) => end(`it could not be reached: ${error.message}`));
    });
    this.#send({ kind: "start", start });
  }

  /** Rejects when it does not start. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** False as soon as nothing can be sent to it, which is before its end is known. */
  get reachable(): boolean {
    return this.#gone === null && this.#child.connected;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Begins a change, which waits for `decide` where it has something to wait for. */
  begin(id: number, change: Change): ChangeUnderWay {
    const underWay: ChangeUnderWay = { prepared: Promise.withResolvers(), done: Promise.withResolvers() };
    underWay.prepared.promise.catch(() => {});
    underWay.done.promise.catch(() => {});
    this.#changes.set(id, underWay);
    if (this.#gone === null) this.#send({ kind: "change", id, change });
    else this.#fail(id, this.#lost());
    return underWay;
  }

  decide(id: number, go: boolean): void {
    this.#send({ kind: "decide", id, go });
  }

  /** What it has counted when it last told. */
  get lastCounted(): readonly ModelSnapshot[] {
    return this.#lastCounted;
  }

  /** What it has counted; what it last told when it is gone. */
  count(id: number): Promise<readonly ModelSnapshot[]> {
    if (this.#gone !== null) return Promise.resolve(this.#lastCounted);
    const counted = Promise.withResolvers<readonly ModelSnapshot[]>();
    this.#counts.set(id, counted);
    this.#send({ kind: "count", id });
    return counted.promise;
  }

  tellReady(ready: boolean): void {
    this.#send({ kind: "ready", ready });
  }

  /** Hands a connection over; `onLost` is called when the process cannot take it any more. */
  connect(socket: Socket, onLost: () => void): void {
    // One goes out after another, each when the process has taken the one before; Node forgets those that wait when it dies.
    this.#leaving.set(socket, onLost);
    this.#child.send({ kind: "connection" } satisfies ToMember, socket, (error) => {
      if (this.#leaving.delete(socket) && error !== null) onLost();
    });
  }

  /** Lets it end what it does, and ends it when it does not. */
  async stop(): Promise<void> {
    if (this.#gone === null) this.#send({ kind: "stop" });
    const latest = setTimeout(() => this.kill(), endMs);
    await this.exited;
    clearTimeout(latest);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #send(message: ToMember): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  #receive(message: FromMember): void {
    switch (message.kind) {
      case "started":
        this.#started.resolve();
        break;
      case "not-started":
        this.#started.reject(unpackError(message.error));
        break;
      case "prepared":
        this.#changes.get(message.id)?.prepared.resolve(message.report);
        break;
      case "done": {
        const underWay = this.#changes.get(message.id);
        this.#changes.delete(message.id);
        underWay?.prepared.resolve(null);
        underWay?.done.resolve(message.models);
        break;
      }
      case "failed":
        this.#fail(message.id, unpackError(message.error));
        break;
      case "counted":
        this.#lastCounted = message.figures;
        this.#counts.get(message.id)?.resolve(message.figures);
        this.#counts.delete(message.id);
        break;
      case "ask":
        void this.#answer(message.id, message.ask);
        break;
      default:
    }
  }

  async #answer(id: number, ask: Ask): Promise<void> {
    try {
      this.#send({ kind: "answer", id, value: await this.#onAsk(ask) });
    } catch (error) {
      this.#send({ kind: "refusal", id, error: packError(error) });
    }
  }

  #fail(id: number, error: Error): void {
    const underWay = this.#changes.get(id);
    this.#changes.delete(id);
    underWay?.prepared.reject(error);
    underWay?.done.reject(error);
  }

  #lose(reason: string): void {
    if (this.#gone !== null) return;
    this.#gone = reason;
    this.#started.reject(this.#lost());
    this.#started.promise.catch(() => {});
    for (const id of this.#changes.keys()) this.#fail(id, this.#lost());
    for (const counted of this.#counts.values()) counted.resolve(this.#lastCounted);
    this.#counts.clear();
    const leaving = [...this.#leaving.values()];
    this.#leaving.clear();
    for (const onLost of leaving) onLost();
  }

  #lost(): Error {
    return computeError("CLUSTER_PROCESS_LOST", { reason: this.#gone ?? "it is gone" });
  }
}
