import type { ObjectStore } from "@ashlar/core";

import { configFile } from "./model-config.ts";
import { joinedStamp, SettingsFiles } from "./settings-files.ts";
import { modelName, type ModelSource, settingsFile, type StoredModel, versionName } from "./source.ts";

/** The part of an `ObjectStore` that is used. */
export type ModelObjects = Pick<ObjectStore, "get" | "list">;

/** ETags by file name. */
type Etags = Map<string, string>;

interface Folder {
  /** Beside the versions. */
  readonly files: Etags;
  readonly versions: Map<string, Etags>;
}

/**
 * Models in an object store, under keys of Triton's directory form: `<prefix><model>/<version>/model.onnx`, with
 * `<prefix><model>/config.pbtxt` or `<prefix><model>/settings.json`. A prefix such as `models/` ends in its slash.
 */
export function storedModels(store: ModelObjects, prefix = ""): ModelSource {
  const keys = new Map<string, string>();
  /** Keys beside the versions, as the last list had them. */
  let beside: ReadonlySet<string> | null = null;

  const bytesOf = async (key: string): Promise<Uint8Array> => (await store.get(key)).bytes();

  const files = new SettingsFiles(async (name, file) => {
    const key = `${prefix}${name}/${file}`;
    if (beside !== null) return beside.has(key) ? bytesOf(key) : undefined;
    for await (const found of store.list(key)) if (found.key === key) return bytesOf(key);
    return undefined;
  });

  const readModel = async (name: string, folder: Folder): Promise<StoredModel> => {
    const configStamp = folder.files.get(configFile) ?? "";
    const named = await files.named(name, configStamp);
    const versions = [...folder.versions].flatMap(([version, etags]) => {
      const file = named.models.find((candidate) => etags.has(candidate));
      if (file === undefined) return [];
      keys.set(`${name}/${version}`, `${prefix}${name}/${version}/${file}`);
      return [{ version, stamp: etags.get(file) ?? "" }];
    });
    const stamps = [settingsFile, ...named.labels].map((file) => folder.files.get(file) ?? "");
    return { name, settingsStamp: joinedStamp([configStamp, ...stamps]), versions };
  };

  return {
    async list() {
      const folders = new Map<string, Folder>();
      const found = new Set<string>();
      for await (const { key, etag } of store.list(prefix)) {
        const [name = "", version = "", file, rest] = key.slice(prefix.length).split("/");
        if (rest !== undefined || !modelName.test(name)) continue;
        const folder: Folder = folders.get(name) ?? { files: new Map(), versions: new Map() };
        folders.set(name, folder);
        if (file === undefined) {
          folder.files.set(version, etag);
          found.add(key);
        } else if (versionName.test(version)) {
          folder.versions.set(version, (folder.versions.get(version) ?? new Map<string, string>()).set(file, etag));
        }
      }
      keys.clear();
      beside = found;
      const models = await Promise.all([...folders].map(([name, folder]) => readModel(name, folder)));
      return models.filter(({ settingsStamp, versions }) => settingsStamp !== "" || versions.length > 0);
    },
    read: (name, version) => {
      return bytesOf(keys.get(`${name}/${version}`) ?? `${prefix}${name}/${version}/${files.modelFiles(name)[0]}`);
    },
    settings: (name) => files.settings(name),
    declared: (name) => files.declared(name),
  };
}
