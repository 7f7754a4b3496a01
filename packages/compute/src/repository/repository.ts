import { isAshlarError } from "@ashlar/core";

import { computeError } from "../errors.ts";
import type { EnsembleOptions, ModelSettings } from "../infer/model-settings.ts";
import type { InferenceServer, LoadOptions } from "../infer/server.ts";
import { checkSettings } from "../infer/settings.ts";
import type { ModelSignature } from "../infer/signature.ts";
import type { RepositoryControl, RepositoryIndexEntry } from "../protocol/options.ts";
import { declarationDifference, type DeclaredSignature } from "./declared-signature.ts";
import { requestedConfig } from "./requested-config.ts";
import type { ModelSource, StoredModel } from "./source.ts";
import { chooseVersions } from "./version-policy.ts";

/** Keeps what a server serves in step with where models come from. */
export interface ModelRepository extends RepositoryControl {
  /**
   * Loads what is new, takes in what has changed and unloads what is gone. A model that fails does not hold up the
   * others: it is in the result and in the index, and what was served of it before goes on.
   */
  refresh(): Promise<readonly RepositoryFailure[]>;
}

export interface RepositoryFailure {
  readonly name: string;
  readonly error: Error;
}

/** What a repository changes: a server, or a cluster of them. */
export type RepositoryTarget = Pick<InferenceServer, "models" | "load" | "add" | "promote" | "swap" | "unload">;

/** How the versions of a model are to be served. */
interface Change {
  readonly settings: ModelSettings;
  readonly declared: DeclaredSignature | undefined;
  readonly changed: boolean;
}

interface Served {
  readonly settingsStamp: string;
  readonly stamps: ReadonlyMap<string, string>;
  readonly ensemble: EnsembleOptions | undefined;
}

/**
 * A repository of models for a server. Nothing is read before `refresh` or `load`.
 *
 * ```ts
 * const repository = openModelRepository(server, directoryModels("models"));
 * await repository.refresh();
 * const handler = server.handler({ repository }); // clients may load and unload
 * ```
 */
export function openModelRepository(server: RepositoryTarget, source: ModelSource): ModelRepository {
  return new SourceRepository(server, source);
}

class SourceRepository implements ModelRepository {
  readonly #server: RepositoryTarget;
  readonly #source: ModelSource;
  readonly #served: Map<string, Served> = new Map();
  /** Why a model could not be loaded. */
  readonly #reasons: Map<string, string> = new Map();
  /** Taken away by a client, until a client loads them again. */
  readonly #unloaded: Set<string> = new Set();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(server: RepositoryTarget, source: ModelSource) {
    this.#server = server;
    this.#source = source;
  }

  refresh(): Promise<readonly RepositoryFailure[]> {
    return this.#inTurn(async () => {
      const stored = await this.#source.list();
      const names = new Set(stored.map(({ name }) => name));
      for (const name of this.#served.keys()) if (!names.has(name)) await this.#forget(name);
      let waiting = stored.filter(({ name }) => !this.#unloaded.has(name));
      let failures: RepositoryFailure[] = [];
      // An ensemble is loaded after its models, however they are ordered: again, until nothing more succeeds.
      for (let before = Number.POSITIVE_INFINITY; waiting.length > 0 && waiting.length < before;) {
        before = waiting.length;
        failures = [];
        for (const model of waiting) {
          await this.#bring(model).catch((error: unknown) =>
            failures.push({ name: model.name, error: error as Error }),
          );
        }
        waiting = waiting.filter(({ name }) => failures.some((failure) => failure.name === name));
      }
      return failures;
    });
  }

  load(name: string, settings?: unknown): Promise<void> {
    return this.#inTurn(async () => {
      const model = (await this.#source.list()).find((candidate) => candidate.name === name);
      if (model === undefined) throw notStored(name);
      this.#unloaded.delete(name);
      await this.#bring(model, settings);
    });
  }

  unload(name: string, options: { readonly dependents?: boolean } = {}): Promise<void> {
    return this.#inTurn(async () => {
      const served = this.#served.get(name);
      if (served === undefined) throw notStored(name);
      const steps = options.dependents === true ? (served.ensemble?.steps ?? []) : [];
      for (const gone of new Set([name, ...steps.map(({ model }) => model)])) {
        if (!this.#served.has(gone)) continue;
        this.#unloaded.add(gone);
        await this.#forget(gone);
      }
    });
  }

  async index(): Promise<readonly RepositoryIndexEntry[]> {
    const stored = await this.#source.list();
    const live = new Set(
      this.#server.models().flatMap(({ name, version, ready }) => (ready ? [`${name}/${version}`] : [])),
    );
    return stored.flatMap(({ name, versions }) => {
      const all = versions.length > 0 ? versions.map(({ version }) => version) : ["1"];
      return all.map((version): RepositoryIndexEntry => {
        if (live.has(`${name}/${version}`)) return { name, version, state: "READY", reason: "" };
        const reason = this.#unloaded.has(name) ? "unloaded" : (this.#reasons.get(name) ?? "not loaded");
        return { name, version, state: "UNAVAILABLE", reason };
      });
    });
  }

  /** Makes the server serve what is stored of a model. What is served already stays until its successor is ready. */
  async #bring(model: StoredModel, override?: unknown): Promise<void> {
    const { name, unreadable } = model;
    try {
      if (unreadable !== undefined) throw notRead(name, "its folder", unreadable);
      const { settings, declared } =
        override === undefined || override === null ? await this.#stored(name) : requestedConfig(name, override);
      checkSettings(settings);
      // What is served is held to it at once: a later version has the same signature.
      const serving = this.#server.models().find((served) => served.name === name);
      if (declared !== undefined && serving !== undefined) requireDeclared(name, declared, serving);
      const wanted = wantedVersions(model, settings);
      const before = this.#served.get(name);
      const changedSettings = override !== undefined || before?.settingsStamp !== model.settingsStamp;
      const change = { settings, declared, changed: changedSettings };
      for (const version of wanted) await this.#bringVersion(model, version, change);
      const present = wanted.at(-1);
      if (present !== undefined) this.#server.promote(name, present);
      for (const { version } of this.#server.models().filter((served) => served.name === name)) {
        if (!wanted.includes(version)) await this.#server.unload(name, { version });
      }
      const stamps = new Map(wanted.map((version) => [version, stampOf(model, version)]));
      this.#served.set(name, { settingsStamp: model.settingsStamp, stamps, ensemble: settings.ensemble });
      this.#reasons.delete(name);
    } catch (error) {
      this.#reasons.set(name, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  /** What the source says of a model. */
  async #stored(name: string): Promise<ReturnType<typeof requestedConfig>> {
    const settings = (await reading(name, "its settings", this.#source.settings(name))) ?? {};
    const said = this.#source.declared?.(name) ?? Promise.resolve(undefined);
    return { settings, declared: await reading(name, "its settings", said) };
  }

  async #bringVersion(model: StoredModel, version: string, change: Change): Promise<void> {
    const { settings, declared, changed } = change;
    const { name } = model;
    const served = this.#server.models().filter((other) => other.name === name);
    const known = served.find((other) => other.version === version);
    const before = this.#served.get(name)?.stamps.get(version);
    if (known !== undefined && before === stampOf(model, version) && !changed) return;
    const options: LoadOptions & { readonly version: string } = {
      ...settings,
      version,
      ...(settings.ensemble === undefined
        ? { onnx: await reading(name, `version ${version}`, this.#source.read(name, version)) }
        : {}),
    };
    if (served.length === 0) await this.#loadFirst(name, options, declared);
    else if (known === undefined) await this.#server.add(name, options);
    else await this.#server.swap(name, { ...options, takeOver: known.primary, keepSettings: false });
  }

  async #loadFirst(name: string, options: LoadOptions, declared: DeclaredSignature | undefined): Promise<void> {
    const loaded = await this.#server.load(name, options);
    if (declared === undefined) return;
    try {
      requireDeclared(name, declared, loaded);
    } catch (error) {
      await this.#server.unload(name);
      throw error;
    }
  }

  async #forget(name: string): Promise<void> {
    this.#served.delete(name);
    if (this.#server.models().some((model) => model.name === name)) await this.#server.unload(name);
  }

  /** Changes run one after another. */
  #inTurn<Result>(action: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(action, action);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}

function wantedVersions(model: StoredModel, settings: ModelSettings): string[] {
  const stored = model.versions.map(({ version }) => version);
  // An ensemble has no file; its one version is 1 unless folders say otherwise.
  if (settings.ensemble !== undefined && stored.length === 0) return ["1"];
  const wanted = chooseVersions(stored, settings.versionPolicy);
  if (wanted.length > 0) return wanted;
  const reason = `none of its versions (${stored.join(", ") || "there is none"}) is to be served`;
  throw computeError("MODEL_INVALID", { model: model.name, reason });
}

/** @throws MODEL_CONFIG_INVALID naming what is declared and what the model has */
function requireDeclared(model: string, declared: DeclaredSignature, signature: ModelSignature): void {
  const what = declarationDifference(declared, signature);
  if (what === null) return;
  throw computeError("MODEL_CONFIG_INVALID", {
    model,
    file: declared.from,
    what,
    rule: "both have the same inputs and outputs, to which max_batch_size above 0 adds the first axis",
    remedy: "Correct what is declared, or export the model anew.",
  });
}

function stampOf(model: StoredModel, version: string): string {
  return model.versions.find((stored) => stored.version === version)?.stamp ?? "";
}

/** What the disk or the store says of a model becomes an error that names it. */
async function reading<Value>(model: string, what: string, value: Promise<Value>): Promise<Value> {
  try {
    return await value;
  } catch (error) {
    throw isAshlarError(error) ? error : notRead(model, what, error);
  }
}

function notRead(model: string, what: string, cause: unknown): Error {
  const reason = `${what} could not be read (${cause instanceof Error ? cause.message : String(cause)})`;
  return computeError("MODEL_INVALID", { model, reason }, { cause });
}

function notStored(name: string): Error {
  return computeError("MODEL_NOT_FOUND", {
    model: JSON.stringify(name),
    loaded: "what the index of the repository lists",
  });
}
