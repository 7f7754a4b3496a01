import type { ModelSettings } from "../infer/model-settings.ts";
import { isPlainFile } from "./config-refusals.ts";
import { configSettings, declaredSignature } from "./config-settings.ts";
import type { DeclaredSignature } from "./declared-signature.ts";
import { configError, configFile, readModelConfig } from "./model-config.ts";
import type { ModelConfig } from "./model-config-type.ts";
import { modelFiles, settingsFile } from "./source.ts";

/** Files that `config.pbtxt` speaks of. */
export interface NamedFiles {
  /** Those that may hold the model of a version, in the order in which they are looked for. */
  readonly models: readonly string[];
  /** Beside `config.pbtxt`. */
  readonly labels: readonly string[];
}

const usual: NamedFiles = { models: modelFiles, labels: [] };

/** What lies beside the versions of a model and says how it is served: `settings.json` and Triton's `config.pbtxt`. */
export class SettingsFiles {
  readonly #read: (model: string, file: string) => Promise<Uint8Array | undefined>;
  readonly #named: Map<string, NamedFiles & { readonly stamp: string }> = new Map();

  /** `read` gives undefined for a file that is not there. */
  constructor(read: (model: string, file: string) => Promise<Uint8Array | undefined>) {
    this.#read = read;
  }

  /** The files that the `config.pbtxt` with this stamp names; it is read again only when the stamp changes. */
  async named(model: string, stamp: string): Promise<NamedFiles> {
    const known = this.#named.get(model);
    if (known?.stamp === stamp) return known;
    this.#named.delete(model);
    // What is wrong with it is told by `settings`, so that it does not hold up the others.
    const config = stamp === "" ? undefined : await this.#config(model).catch(() => undefined);
    if (config === undefined) return usual;
    const { default_model_filename: file = "", output = [] } = config;
    const labels = output.map(({ label_filename: label = "" }) => label).filter(isPlainFile);
    const named = { stamp, models: isPlainFile(file) ? [file] : usual.models, labels: [...new Set(labels)] };
    this.#named.set(model, named);
    return named;
  }

  /** The same, as it was when the models were listed. */
  modelFiles(model: string): readonly string[] {
    return this.#named.get(model)?.models ?? usual.models;
  }

  /** The settings of `config.pbtxt` with those of `settings.json` over them. @throws MODEL_CONFIG_INVALID */
  async settings(model: string): Promise<unknown> {
    const [config, bytes] = await Promise.all([this.#config(model), this.#read(model, settingsFile)]);
    const own: unknown = bytes === undefined ? undefined : JSON.parse(new TextDecoder().decode(bytes));
    if (config === undefined) return own;
    const base = configSettings(model, config, await this.#labels(model, config));
    if (own === undefined) return base;
    return typeof own === "object" && own !== null && !Array.isArray(own) ? mergeSettings(base, own) : own;
  }

  /** @throws MODEL_CONFIG_INVALID */
  async declared(model: string): Promise<DeclaredSignature | undefined> {
    const config = await this.#config(model);
    return config === undefined ? undefined : declaredSignature(config);
  }

  async #config(model: string): Promise<ModelConfig | undefined> {
    const bytes = await this.#read(model, configFile);
    return bytes === undefined ? undefined : readModelConfig(model, bytes);
  }

  /** One name a line, in the order of the classes. */
  async #labels(model: string, { output = [] }: ModelConfig): Promise<ReadonlyMap<string, readonly string[]>> {
    const labels = new Map<string, readonly string[]>();
    for (const { name = "", label_filename: file = "" } of output) {
      if (!isPlainFile(file)) continue;
      const bytes = await this.#read(model, file);
      if (bytes === undefined) {
        const what = `label_filename of the output "${name}" is "${file}"`;
        throw configError(model, { what, rule: "there is no such file", remedy: "Put it beside config.pbtxt." });
      }
      const lines = new TextDecoder().decode(bytes).split(/\r?\n/);
      labels.set(file, lines.at(-1) === "" ? lines.slice(0, -1) : lines);
    }
    return labels;
  }
}

/** Each setting of `own` replaces that of `base`; those of batching and of the queue one by one. */
function mergeSettings(base: ModelSettings, own: Partial<ModelSettings>): ModelSettings {
  return {
    ...base,
    ...own,
    ...(base.batching !== undefined && isObject(own.batching)
      ? { batching: { ...base.batching, ...own.batching } }
      : {}),
    ...(base.queue !== undefined && isObject(own.queue) ? { queue: { ...base.queue, ...own.queue } } : {}),
  };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Of several files; empty when there is none of them. */
export function joinedStamp(stamps: readonly string[]): string {
  return stamps.every((stamp) => stamp === "") ? "" : stamps.join("|");
}
