import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { configFile } from "./model-config.ts";
import { joinedStamp, SettingsFiles } from "./settings-files.ts";
import { modelName, type ModelSource, settingsFile, type StoredModel, versionName } from "./source.ts";

/**
 * Models in a directory of Triton's form: `<model>/<version>/model.onnx`, with `<model>/config.pbtxt` or
 * `<model>/settings.json`, or both, where a model has settings of its own.
 */
export function directoryModels(path: string): ModelSource {
  const beside = (name: string, file: string): string => join(path, name, file);
  const files = new SettingsFiles(async (name, file) => {
    return (await stampOf(beside(name, file))) === "" ? undefined : readFile(beside(name, file));
  });

  const fileOf = async (name: string, version: string): Promise<string | undefined> => {
    for (const file of files.modelFiles(name)) {
      const full = join(path, name, version, file);
      if ((await stampOf(full)) !== "") return full;
    }
    return undefined;
  };

  const readModel = async (name: string): Promise<StoredModel> => {
    const configStamp = await stampOf(beside(name, configFile));
    const { labels } = await files.named(name, configStamp);
    const folders = await readdir(join(path, name), { withFileTypes: true }).catch(unlessAbsent([]));
    const versions = folders.map(async ({ name: version }) => {
      const file = versionName.test(version) ? await fileOf(name, version) : undefined;
      return file === undefined ? [] : [{ version, stamp: await stampOf(file) }];
    });
    const [found, ...stamps] = await Promise.all([
      Promise.all(versions),
      ...[settingsFile, ...labels].map((file) => stampOf(beside(name, file))),
    ]);
    return { name, settingsStamp: joinedStamp([configStamp, ...stamps]), versions: found.flat() };
  };

  return {
    async list() {
      const entries = await readdir(path, { withFileTypes: true });
      const names = entries.filter((entry) => !entry.isFile() && modelName.test(entry.name)).map(({ name }) => name);
      const models = await Promise.all(
        names.sort().map((name) =>
          readModel(name).catch((error: Error): StoredModel => {
            return { name, settingsStamp: "", versions: [], unreadable: error };
          }),
        ),
      );
      return models.filter(({ versions, settingsStamp, unreadable }) => {
        return versions.length > 0 || settingsStamp !== "" || unreadable !== undefined;
      });
    },
    async read(name, version) {
      return readFile((await fileOf(name, version)) ?? join(path, name, version, files.modelFiles(name)[0] ?? ""));
    },
    settings: (name) => files.settings(name),
    declared: (name) => files.declared(name),
  };
}

/** Empty when there is no such file. */
async function stampOf(file: string): Promise<string> {
  const info = await stat(file).catch(unlessAbsent(null));
  return info?.isFile() === true ? `${info.mtimeMs}/${info.size}/${info.ino}` : "";
}

/** What a disk cannot read at the moment is not gone. */
function unlessAbsent<Value>(value: Value): (error: NodeJS.ErrnoException) => Value {
  return (error) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return value;
    throw error;
  };
}
