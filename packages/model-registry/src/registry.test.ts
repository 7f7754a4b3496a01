import { memoryObjectStore } from "@ashlar/core/memory";
import { createModelRegistry, objectStoreArtifacts, sqlite } from "./index.ts";
import { describeArtifactStore, describeModelRegistry } from "./testing/index.ts";

const artifacts = () => objectStoreArtifacts(memoryObjectStore());

describeModelRegistry("sqlite", {
  create: () => createModelRegistry({ database: sqlite({ path: ":memory:" }), artifacts: artifacts() }),
});

const objectsOf = new WeakMap<object, ReturnType<typeof memoryObjectStore>>();

describeArtifactStore("objectStoreArtifacts", {
  create() {
    const objects = memoryObjectStore();
    const store = objectStoreArtifacts(objects);
    objectsOf.set(store, objects);
    return store;
  },
  async corrupt(store, digest) {
    const objects = objectsOf.get(store);
    const hex = digest.slice("sha256:".length);
    const key = `blobs/sha256/${hex.slice(0, 2)}/${hex}`;
    const bytes = (await (await objects?.get(key))?.bytes()) ?? new Uint8Array();
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    await objects?.put(key, bytes);
  },
});
