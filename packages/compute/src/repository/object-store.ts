import type { ObjectStore } from "@ashlar/core";

import { modelFiles, modelName, type ModelSource, settingsFile, type StoredModel, versionName } from "./source.ts";

/** The part of an `ObjectStore` that is used. */
export type ModelObjects = Pick<ObjectStore, "get" | "list">;

/**
 * Models in an object store, under keys of Triton's directory form: `<prefix><model>/<version>/model.onnx` and
 * `<prefix><model>/settings.json`. A prefix such as `models/` ends in its slash.
 */
export function storedModels(store: ModelObjects, prefix = ""): ModelSource {
  const files = new Map<string, string>();

  const bytesOf = async (key: string): Promise<Uint8Array> => (await store.get(key)).bytes();

  return {
    async list() {
      const models = new Map<string, { settingsStamp: string; versions: Map<string, string> }>();
      files.clear();
      for await (const { key, etag } of store.list(prefix)) {
        const [name = "", version = "", file = "", rest] = key.slice(prefix.length).split("/");
        if (rest !== undefined || !modelName.test(name)) continue;
        const model = models.get(name) ?? { settingsStamp: "", versions: new Map<string, string>() };
        if (version === settingsFile && file === "") model.settingsStamp = etag;
        else if (!versionName.test(version) || !(modelFiles as readonly string[]).includes(file)) continue;
        else if (!model.versions.has(version)) {
          model.versions.set(version, etag);
          files.set(`${name}/${version}`, key);
        }
        models.set(name, model);
      }
      return [...models].map(([name, { settingsStamp, versions }]): StoredModel => {
        const stored = [...versions].map(([version, stamp]) => ({ version, stamp }));
        return { name, settingsStamp, versions: stored };
      });
    },
    read: (name, version) => bytesOf(files.get(`${name}/${version}`) ?? `${prefix}${name}/${version}/${modelFiles[0]}`),
    async settings(name) {
      for await (const { key } of store.list(`${prefix}${name}/${settingsFile}`)) {
        if (key === `${prefix}${name}/${settingsFile}`) return JSON.parse(new TextDecoder().decode(await bytesOf(key)));
      }
      return undefined;
    },
  };
}
