import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { memoryObjectStore } from "@ashlar/core/memory";

import { directoryModels, type ModelSource, storedModels } from "../src/infer/index.ts";

/** Where files of models lie. */
export interface ModelPlace {
  readonly source: ModelSource;
  put(path: string, content: Uint8Array | string): Promise<void>;
  remove(path: string): Promise<void>;
}

/** The same files in a directory and in an object store. */
export const modelPlaces: Readonly<Record<"directory" | "object store", (folder: string) => ModelPlace>> = {
  directory: (folder) => ({
    source: directoryModels(folder),
    async put(path, content) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    },
    remove: (path) => rm(join(folder, path)),
  }),
  "object store": () => {
    const store = memoryObjectStore();
    return {
      source: storedModels(store, "models/"),
      async put(path, content) {
        await store.put(`models/${path}`, typeof content === "string" ? new TextEncoder().encode(content) : content);
      },
      remove: (path) => store.delete(`models/${path}`),
    };
  },
};
