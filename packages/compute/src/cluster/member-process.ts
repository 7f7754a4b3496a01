import { type ChildProcess, fork } from "node:child_process";
import type { Socket } from "node:net";

import { computeError } from "../errors.ts";
import { packError, unpackError } from "../errors-in-transit.ts";
import type { ModelSnapshot } from "../infer/figures.ts";
import type { ModelInfo } from "../infer/server.ts";
import type { ShadowReport } from "../infer/shadow.ts";
import { flagsForFile } from "../start-thread.ts";
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

/** A connection on its way into a process. */
interface Handover {
  readonly socket: Socket;
  readonly onLost: () => void;
  /** The process may have read from it since. */
  sent: boolean;
}

/** One process of a cluster, seen from the first. */
export class MemberProcess {
  readonly exited: Promise<string>;
  readonly #child: ChildProcess;
  readonly #started: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #changes: Map<number, ChangeUnderWay> = new Map();
  readonly #counts: Map<number, PromiseWithResolvers<readonly ModelSnapshot[]>> = new Map();
  /** Connections that the process has not said to have. */
  readonly #handovers: Map<number, Handover> = new Map();
  #lastHandover = 0;
  readonly #onAsk: (ask: Ask) => Promise<Answer>;
  #lastCounted: readonly ModelSnapshot[] = [];
  #gone: string | null = null;

  constructor(start: MemberStart, onAsk: (ask: Ask) => Promise<Answer>) {
    this.#onAsk = onAsk;
    this.#child = fork(entry, [String(process.pid)], {
      execArgv: flagsForFile(process.execArgv),
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

  /**
   * Hands a connection over; `onLost` is called when the process cannot take it any more. It stays open here until the
   * process has it: Node sends one after another, and neither closes nor tells of those on their way when a process dies.
   */
  connect(socket: Socket, onLost: () => void): void {
    const id = ++this.#lastHandover;
    const handover: Handover = { socket, onLost, sent: false };
    this.#handovers.set(id, handover);
    this.#child.send({ kind: "connection", id } satisfies ToMember, socket, { keepOpen: true }, (error) => {
      if (error === null) handover.sent = true;
      else if (this.#handovers.delete(id)) onLost();
    });
  }

  #taken(id: number): void {
    this.#handovers.get(id)?.socket.destroy();
    this.#handovers.delete(id);
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
      case "taken":
        this.#taken(message.id);
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
    const handovers = [...this.#handovers.values()];
    this.#handovers.clear();
    // Of what was sent the process may have read a part, which nobody else can answer: its client is to ask again.
    for (const { socket, onLost, sent } of handovers) {
      if (sent) socket.destroy();
      else onLost();
    }
  }

  #lost(): Error {
    return computeError("CLUSTER_PROCESS_LOST", { reason: this.#gone ?? "it is gone" });
  }
}
