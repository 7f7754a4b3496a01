import type { Socket } from "node:net";
import { availableParallelism } from "node:os";

import { isAshlarError, type Logger, silentLogger } from "@ashlar/core";

import { computeError } from "../errors.ts";
import type { Route } from "../infer/model-entry.ts";
import { addUp, type ModelFigures, type ModelSnapshot } from "../infer/figures.ts";
import { prometheusMetrics } from "../infer/metrics.ts";
import { invalidOption, requirePositiveInteger } from "../infer/options.ts";
import type { LoadOptions, ModelInfo, SwapInfo, SwapOptions } from "../infer/server.ts";
import type { ShadowReport } from "../infer/shadow.ts";
import type { RepositoryControl } from "../protocol/options.ts";
import { loadedIndex, requireControl } from "../protocol/repository-extension.ts";
import type { ClusterOptions, InferenceCluster } from "./cluster.ts";
import { LeftFigures } from "./left-figures.ts";
import { MemberProcess } from "./member-process.ts";
import type { Answer, Ask, Change, MemberStart } from "./messages.ts";
import { ServedModels } from "./served-models.ts";
import { watch } from "./watch.ts";

/** Milliseconds before a dead process is started again; twice as many after each attempt that failed. */
const restart = { firstPauseMs: 50, longestPauseMs: 5000 } as const;

/** Milliseconds that a process has for telling its figures; after them those that it last told are used. */
const countMs = 1000;

/** Connections that may wait for a process; more are closed. */
const heldConnections = 1024;

/** See `InferenceCluster` for what each method does. */
export class ProcessCluster implements InferenceCluster {
  readonly #start: MemberStart;
  readonly #count: number;
  readonly #logger: Logger;
  readonly #unresponsiveMs: number;
  readonly #members: Set<MemberProcess> = new Set();
  /** Of those that serve, in the order of their turns. */
  #serving: MemberProcess[] = [];
  readonly #served: ServedModels = new ServedModels();
  readonly #left: LeftFigures = new LeftFigures();
  readonly #held: Socket[] = [];
  readonly #closing: AbortController = new AbortController();
  #repository: RepositoryControl | null = null;
  /** Changes and restarts, one after another. */
  #turn: Promise<unknown> = Promise.resolve();
  #lastId = 0;

  constructor({ processes, server = {}, protocol = {}, wrapper, unresponsiveMs = 30_000, logger }: ClusterOptions) {
    this.#count = processes ?? availableParallelism();
    requirePositiveInteger("processes", this.#count);
    requirePositiveInteger("unresponsiveMs", unresponsiveMs);
    this.#unresponsiveMs = unresponsiveMs;
    this.#start = { server, protocol, wrapper: wrapper?.href ?? null };
    this.#logger = logger ?? silentLogger;
  }

  get ready(): boolean {
    return this.#serving.length === this.#count;
  }

  get pids(): readonly number[] {
    return this.#serving.flatMap(({ pid }) => pid ?? []);
  }

  async start(): Promise<void> {
    await Promise.all(Array.from({ length: this.#count }, () => this.#launch()));
  }

  async load(name: string, options: LoadOptions): Promise<ModelInfo> {
    const models = await this.#change({ method: "load", name, options });
    return primaryOf(models, name);
  }

  async add(name: string, options: LoadOptions & { readonly version: string }): Promise<ModelInfo> {
    const models = await this.#change({ method: "add", name, options });
    return models.find((model) => model.name === name && model.version === options.version) as ModelInfo;
  }

  async swap(name: string, { accept, ...options }: SwapOptions): Promise<SwapInfo> {
    let shadow: ShadowReport | null = null;
    const decide = async (reports: readonly (ShadowReport | null)[]): Promise<boolean> => {
      for (const report of reports) {
        shadow ??= report;
        if (report !== null && accept !== undefined && !(await accept(report))) return false;
      }
      return true;
    };
    const models = await this.#change({ method: "swap", name, options }, decide);
    return { ...primaryOf(models, name), shadow };
  }

  async unload(name: string, { version }: { readonly version?: string } = {}): Promise<void> {
    await this.#change({ method: "unload", name, version });
  }

  promote(name: string, version: string): void {
    this.#require(name, version);
    this.#change({ method: "promote", name, version }).catch((error: unknown) => {
      this.#logger.error({ model: name, version, error }, "a version could not be promoted");
    });
  }

  route(name: string, route: Route): void {
    this.#require(name, route.shadow?.version);
    for (const version of Object.keys(route.split ?? {})) this.#require(name, version);
    this.#change({ method: "route", name, route }).catch((error: unknown) => {
      this.#logger.error({ model: name, error }, "requests could not be routed");
    });
  }

  models(): readonly ModelInfo[] {
    return this.#served.infos;
  }

  allowRepository(repository: RepositoryControl | null): void {
    this.#repository = repository;
  }

  async figures(): Promise<readonly ModelFigures[]> {
    const id = ++this.#lastId;
    const counted = await Promise.all(this.#serving.map((member) => countedSoon(member, id)));
    return addUp([...counted.flat(), ...this.#left.snapshots]);
  }

  async metrics(): Promise<string> {
    return prometheusMetrics(await this.figures());
  }

  connectionListener(): (socket: Socket) => void {
    return (socket) => {
      if (!socket.isPaused()) {
        socket.destroy();
        throw invalidOption("pauseOnConnect", false, "true: createServer({ pauseOnConnect: true }, listener)");
      }
      // A client that resets a connection which waits is of no interest.
      socket.on("error", () => {});
      this.#connect(socket);
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#serving = [];
    for (const socket of this.#held.splice(0)) socket.destroy();
    await Promise.all([...this.#members].map((member) => member.stop()));
    await this.#turn.catch(() => {});
  }

  /** Makes a change in every process, or in none. */
  #change(
    change: Change,
    decide: (reports: readonly (ShadowReport | null)[]) => Promise<boolean> = async () => true,
  ): Promise<readonly ModelInfo[]> {
    return this.#inTurn(async () => {
      this.#requireOpen(change.name);
      const models = await this.#changeAll(this.#serving, change, decide);
      this.#served.made(change, models);
      this.#left.keep(models);
      return models;
    });
  }

  async #changeAll(
    members: readonly MemberProcess[],
    change: Change,
    decide: (reports: readonly (ShadowReport | null)[]) => Promise<boolean>,
  ): Promise<readonly ModelInfo[]> {
    const id = ++this.#lastId;
    const underWay = members.map((member) => member.begin(id, change));
    const prepared = await Promise.allSettled(underWay.map((each) => each.prepared.promise));
    const failed = firstFailure(prepared, change);
    const reports = prepared.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : null));
    const [decision] = await Promise.allSettled([
      failed === undefined ? decide(reports) : Promise.reject(failed.reason),
    ]);
    for (const member of members) member.decide(id, decision.status === "fulfilled" && decision.value);
    const done = await Promise.allSettled(underWay.map((each) => each.done.promise));
    if (decision.status === "rejected") throw decision.reason;
    const made = done.find((outcome) => outcome.status === "fulfilled");
    // A process that died after the decision comes back with what the others serve.
    if (made !== undefined) return made.value;
    throw (done[0] as PromiseRejectedResult).reason;
  }

  async #launch(): Promise<void> {
    const member = new MemberProcess(this.#start, (ask) => this.#answer(ask));
    this.#members.add(member);
    void member.exited.then((reason) => {
      this.#members.delete(member);
      const served = this.#serving.includes(member);
      this.#serving = this.#serving.filter((other) => other !== member);
      if (!served || this.#closing.signal.aborted) return;
      this.#left.add(member.lastCounted);
      this.#left.keep(this.models());
      this.#logger.error({ pid: member.pid, reason }, "a process of the inference cluster died and is started again");
      this.#tellReady();
      void this.#inTurn(() => this.#relaunch(restart.firstPauseMs));
    });
    try {
      await member.started;
      watch(member, this.#unresponsiveMs, () => ++this.#lastId);
      for (const change of this.#served.changes()) await this.#changeAll([member], change, async () => true);
    } catch (error) {
      member.kill();
      throw error;
    }
    this.#serving.push(member);
    this.#tellReady();
    for (const socket of this.#held.splice(0)) this.#connect(socket);
  }

  async #relaunch(pauseMs: number): Promise<void> {
    for (let pause = pauseMs; !this.#closing.signal.aborted; pause = Math.min(pause * 2, restart.longestPauseMs)) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (this.#closing.signal.aborted) return;
      try {
        await this.#launch();
        return;
      } catch (error) {
        this.#logger.error({ error }, "a process of the inference cluster could not be started");
      }
    }
  }

  #tellReady(): void {
    for (const member of this.#serving) member.tellReady(this.ready);
  }

  #connect(socket: Socket): void {
    const at = this.#serving.findIndex(({ reachable }) => reachable);
    const [member] = at < 0 ? [] : this.#serving.splice(at, 1);
    if (member === undefined) {
      if (this.#held.length < heldConnections && !this.#closing.signal.aborted) this.#held.push(socket);
      else socket.destroy();
      return;
    }
    this.#serving.push(member);
    // Not at once: what tells that a process is gone has its turn between.
    member.connect(socket, () => setImmediate(() => this.#connect(socket)));
  }

  async #answer(ask: Ask): Promise<Answer> {
    if (ask.what === "figures") return this.figures();
    if (ask.what === "index") return this.#repository?.index() ?? loadedIndex(this.models());
    const control = requireControl({ options: { repository: this.#repository } });
    if (ask.what === "load") await control.load(ask.name, ask.settings);
    else await control.unload(ask.name, { dependents: ask.dependents });
    return null;
  }

  #inTurn<Result>(action: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(action, action);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  #requireOpen(model: string): void {
    const reason = this.#closing.signal.aborted ? "its cluster is closing" : "no process of its cluster runs";
    if (this.#closing.signal.aborted || this.#serving.length === 0) {
      throw computeError("MODEL_UNAVAILABLE", { model, reason });
    }
  }

  /** @throws MODEL_NOT_FOUND */
  #require(name: string, version: string | undefined): void {
    const models = this.models().filter((model) => model.name === name);
    if (models.length > 0 && (version === undefined || models.some((model) => model.version === version))) return;
    const loaded = this.models().map((model) => `"${model.name}" version ${model.version}`);
    const model = version === undefined ? `"${name}"` : `"${name}" version ${version}`;
    throw computeError("MODEL_NOT_FOUND", { model, loaded: loaded.join(", ") || "(none is loaded)" });
  }
}

/** One that hangs must not keep the figures of the others back. */
function countedSoon(member: MemberProcess, id: number): Promise<readonly ModelSnapshot[]> {
  const { promise, resolve } = Promise.withResolvers<readonly ModelSnapshot[]>();
  const timer = setTimeout(() => resolve(member.lastCounted), countMs);
  void member.count(id).then(resolve);
  return promise.finally(() => clearTimeout(timer));
}

/**
 * Why a change is made by none. What waits for no decision has been made by all that live when one dies, which then comes
 * back with it.
 */
function firstFailure(
  prepared: readonly PromiseSettledResult<unknown>[],
  { method }: Change,
): PromiseRejectedResult | undefined {
  const failed = prepared.filter((outcome) => outcome.status === "rejected");
  const waits = method === "load" || method === "add" || method === "swap";
  if (waits || failed.length === prepared.length) return failed[0];
  return failed.find(({ reason }) => !isAshlarError(reason, "CLUSTER_PROCESS_LOST"));
}

function primaryOf(models: readonly ModelInfo[], name: string): ModelInfo {
  return models.find((model) => model.name === name && model.primary) as ModelInfo;
}
