import { computeError } from "../errors.ts";
import type { ModelSettings } from "../infer/model-settings.ts";
import type { ModelSource } from "./source.ts";

/** The part of a model registry that is used; that of `@ashlar/model-registry` has it. */
export interface ModelRegistry {
  /** Finds a version by an alias, `delay@champion`, or by its number, `delay/3`, and holds it to its digest. */
  load(reference: string): Promise<{
    readonly version: {
      readonly number: number;
      readonly digest: string;
      readonly files: readonly { readonly name: string }[];
    };
    file(name: string): { bytes(): Promise<Uint8Array> };
  }>;
}

export interface RegisteredModel {
  /** What the registry is asked for, such as `delay@champion` or `delay/3`. */
  readonly reference: string;
  /** Serves nothing but this version: it must have this digest. Default: whatever the reference names. */
  readonly digest?: string;
  /** Which file of the version is the model. Default: the only one that ends in `.onnx`. */
  readonly file?: string;
  readonly settings?: ModelSettings;
}

/**
 * Models of a registry, by the names under which they are served. When an alias has moved, `refresh` of the repository
 * serves the version it names now.
 */
export function registeredModels(
  registry: ModelRegistry,
  models: Readonly<Record<string, RegisteredModel | string>>,
): ModelSource {
  const known = new Map(
    Object.entries(models).map(([name, model]) => [name, typeof model === "string" ? { reference: model } : model]),
  );
  const find = async (name: string): Promise<Awaited<ReturnType<ModelRegistry["load"]>>> => {
    const model = known.get(name);
    const invalid = (reason: string): Error => computeError("MODEL_INVALID", { model: name, reason });
    if (model === undefined) throw invalid("the repository does not have it");
    const found = await registry.load(model.reference);
    const { digest } = found.version;
    if (model.digest === undefined || model.digest === digest) return found;
    throw invalid(`${model.reference} has the digest ${digest}, and ${model.digest} was asked for`);
  };

  return {
    async list() {
      const rows = [...known].map(async ([name, { settings }]) => {
        // What the registry refuses is told when the model is brought, so that it does not hold up the others.
        const found = await find(name).catch(() => undefined);
        const versions =
          found === undefined ? [] : [{ version: String(found.version.number), stamp: found.version.digest }];
        return { name, settingsStamp: settings === undefined ? "" : JSON.stringify(settings), versions };
      });
      return Promise.all(rows);
    },
    async read(name, version) {
      const found = await find(name);
      const present = String(found.version.number);
      if (present !== version) {
        const reason = `version ${version} was to be read, and its reference has moved to ${present} meanwhile`;
        throw computeError("MODEL_INVALID", { model: name, reason });
      }
      const files = found.version.files.map((file) => file.name);
      const wanted = known.get(name)?.file;
      const [only, second] = files.filter((file) => (wanted === undefined ? file.endsWith(".onnx") : file === wanted));
      if (only !== undefined && second === undefined) return found.file(only).bytes();
      const reason = `its version has the files ${files.join(", ")}, of which not one only is the model`;
      throw computeError("MODEL_INVALID", { model: name, reason });
    },
    async settings(name) {
      await find(name);
      return known.get(name)?.settings;
    },
  };
}
