import { computeError } from "../errors.ts";
import { answered, deliver, type InternalRequestOptions, type Receiver } from "./pending-request.ts";
import { invalidOption } from "./options.ts";
import type { PreparedInputs } from "./request.ts";
import { SequenceModel } from "./sequence.ts";
import type { Servable } from "./servable.ts";
import type { InferOptions } from "./server.ts";
import type { ModelSignature } from "./signature.ts";
import { copyInputs, Shadow, type ShadowOptions, type ShadowReport } from "./shadow.ts";
import type { StatisticsRecorder } from "./statistics.ts";
import { TrafficSplit } from "./traffic-split.ts";

/** How the requests that name no version are spread over those served. */
export interface Route {
  /** Weights by version. Default: all go to the present version. */
  readonly split?: Readonly<Record<string, number>>;
  /** A version that gets copies of requests, and whose answers are only compared. */
  readonly shadow?: ShadowOptions & { readonly version: string };
}

/** What is served under one name: its versions, and which of them answers a request. */
export class ModelEntry {
  readonly name: string;
  /** Of all its versions, those that are gone too. */
  readonly statistics: StatisticsRecorder;
  readonly versions: Map<string, Servable> = new Map();
  readonly #versionStatistics: Map<string, StatisticsRecorder> = new Map();
  /** Versions that are ending; a sequence that began with one goes on with it. */
  readonly #retiring: Set<Servable> = new Set();
  #primary: Servable;
  #split: TrafficSplit | null = null;
  #shadow: Shadow | null = null;

  constructor(name: string, whole: StatisticsRecorder, primary: Servable, statistics: StatisticsRecorder) {
    this.name = name;
    this.statistics = whole;
    this.#primary = primary;
    this.add(primary, statistics);
  }

  /** Those that end too. */
  everyVersion(): Servable[] {
    return [...this.versions.values(), ...this.#retiring];
  }

  /** The version that answers when none is named and no split says otherwise. */
  get primary(): Servable {
    return this.#primary;
  }

  get shadowReport(): ShadowReport | null {
    return this.#shadow?.report ?? null;
  }

  get hasSequences(): boolean {
    return [...this.versions.values()].some((model) => model instanceof SequenceModel && model.openSequences > 0);
  }

  statisticsOf(version: string): StatisticsRecorder {
    return this.#versionStatistics.get(version) ?? this.statistics;
  }

  add(model: Servable, statistics: StatisticsRecorder): void {
    this.versions.set(model.version, model);
    this.#versionStatistics.set(model.version, statistics);
  }

  /** Makes a version the present one, for every request from now on. Gives those that are no longer served. */
  takeOver(next: Servable, statistics: StatisticsRecorder): Servable[] {
    const before = this.#primary;
    if (next.version !== before.version) this.remove(before.version);
    const beside = this.versions.get(next.version);
    this.#put(next, statistics);
    this.#primary = next;
    return beside === undefined || beside === before ? [before] : [before, beside];
  }

  /** Puts a version in the place of one of the same number. Gives that, which is no longer served. */
  replace(next: Servable, statistics: StatisticsRecorder): Servable[] {
    const before = this.require(next.version);
    this.#put(next, statistics);
    if (this.#primary === before) this.#primary = next;
    return [before];
  }

  #put(next: Servable, statistics: StatisticsRecorder): void {
    this.add(next, statistics);
    const shadowed = this.#shadow?.target;
    if (shadowed !== undefined && this.versions.get(shadowed.version) !== shadowed) this.#shadow = null;
  }

  promote(next: Servable): void {
    this.#primary = next;
  }

  remove(version: string): void {
    this.versions.delete(version);
    this.#versionStatistics.delete(version);
    this.#split = null;
    if (this.#shadow?.target.version === version) this.#shadow = null;
  }

  /** When nobody finds this entry any more. */
  leaveSequences(): void {
    for (const model of this.everyVersion()) if (model instanceof SequenceModel) model.leave();
  }

  /** Answers what a version has accepted, sequences to their end, then ends it. */
  async retire(model: Servable): Promise<void> {
    this.#retiring.add(model);
    await model.drain().finally(() => this.#retiring.delete(model));
  }

  /** @throws MODEL_NOT_FOUND, INFERENCE_OPTION_INVALID */
  route({ split, shadow }: Route): void {
    const weights = Object.entries(split ?? {});
    for (const [version, weight] of weights) {
      this.require(version);
      if (!(weight >= 0 && Number.isFinite(weight))) throw invalidOption("split", weight, "weights of 0 or more");
    }
    if (split !== undefined && !weights.some(([, weight]) => weight > 0)) {
      throw invalidOption("split", JSON.stringify(split), "one weight above 0 at least");
    }
    const target = shadow === undefined ? null : this.require(shadow.version);
    if (shadow !== undefined && !(shadow.share > 0 && shadow.share <= 1)) {
      throw invalidOption("shadow.share", shadow.share, "a share above 0 and up to 1");
    }
    this.#split = split === undefined ? null : new TrafficSplit(split);
    this.#shadow = target === null || shadow === undefined ? null : new Shadow(target, shadow);
  }

  /** Sends copies to a version that is not served yet, until the work is done. */
  async shadowWith(shadow: Shadow, work: Promise<unknown>): Promise<void> {
    const before = this.#shadow;
    this.#shadow = shadow;
    await work;
    if (this.#shadow === shadow) this.#shadow = before;
  }

  /** @throws MODEL_NOT_FOUND */
  require(version: string | undefined): Servable {
    if (version === undefined) return this.#primary;
    const found = this.versions.get(version);
    if (found !== undefined) return found;
    const loaded = [...this.versions.keys()].map((known) => `"${this.name}" version ${known}`).join(", ");
    throw computeError("MODEL_NOT_FOUND", { model: `"${this.name}" version ${version}`, loaded });
  }

  /** What a version takes and gives; one that is ending has sequences that go on. @throws MODEL_NOT_FOUND */
  signatureOf(version: string | undefined): ModelSignature {
    if (version !== undefined && !this.versions.has(version)) {
      for (const model of this.#retiring) {
        if (model instanceof SequenceModel && model.version === version) return model.signature;
      }
    }
    return this.require(version).signature;
  }

  /** The version that answers a request. @throws MODEL_NOT_FOUND */
  choose(options: InferOptions): Servable {
    if (this.#split === null || options.version !== undefined) return this.follow(options);
    return this.#goingOn(options) ?? this.require(this.#split.next());
  }

  /** The same without a split of the traffic. @throws MODEL_NOT_FOUND */
  follow(options: Pick<InferOptions, "version" | "sequence">): Servable {
    return this.#goingOn(options) ?? this.require(options.version);
  }

  #goingOn({ version, sequence }: Pick<InferOptions, "version" | "sequence">): SequenceModel | null {
    return sequence === undefined || sequence.start === true ? null : this.#beganLast(sequence.id, version);
  }

  /** Of the versions that a sequence of this name has begun with, the last: a client that begins anew means that one. */
  #beganLast(id: string, version: string | undefined): SequenceModel | null {
    let last: SequenceModel | null = null;
    let lastAt = Number.NEGATIVE_INFINITY;
    for (const model of [...this.#retiring, ...this.versions.values()]) {
      if (!(model instanceof SequenceModel) || (version ?? model.version) !== model.version) continue;
      const at = model.beganAt(id);
      if (at === undefined || at < lastAt) continue;
      last = model;
      lastAt = at;
    }
    return last;
  }

  /** Sends a request to the version that was chosen, and a copy to the one that is compared. */
  inferOn(
    model: Servable,
    prepared: PreparedInputs,
    options: InferOptions & InternalRequestOptions,
    receiver: Receiver,
  ): void {
    const shadow = this.#shadow;
    if (shadow === null || options.version !== undefined || options.sequence !== undefined || !shadow.wants()) {
      model.submit(prepared, options, receiver);
      return;
    }
    const copy = copyInputs(prepared);
    const answer = answered((direct) => model.submit(prepared, options, direct));
    void shadow.mirror(copy, answer);
    deliver(answer, receiver);
  }
}
