import { strictEqual } from "node:assert";
import { join } from "node:path";
import type { ObjectStore } from "@ashlar/core";
import { memoryKeyProvider } from "@ashlar/core/memory";
import { createEnvelope } from "@ashlar/security";
import { encrypted } from "@ashlar/storage";
import { fileSystem } from "@ashlar/storage/file-system";
import { perSecond, type Suite } from "./harness.ts";

const streamedBytes = 256 * 1024 * 1024;

/**
 * A long stream through the encrypted store, against the store below it. In a process that DuckDB was loaded into, memory that is
 * allocated and freed again costs several times as much: this suite comes first.
 */
export const objects: Suite = async ({ folder, pair }) => {
  const plain = fileSystem({ root: join(folder, "objects") });
  const sealed = encrypted(plain, { cipher: createEnvelope({ keys: memoryKeyProvider() }) });
  const mebibytes = streamedBytes / 1024 / 1024;
  const put = (store: ObjectStore, key: string) => perSecond(mebibytes, () => store.put(key, generated(streamedBytes)));
  const get = (store: ObjectStore, key: string) =>
    perSecond(mebibytes, async () => {
      let bytes = 0;
      for await (const part of (await store.get(key)).stream()) bytes += part.byteLength;
      strictEqual(bytes, streamedBytes);
    });
  const shared = { unit: "MiB/s", peerName: "the file system store below it" };
  const [ours, peer] = ["sealed", "plain"];
  await sealed.put(ours, generated(streamedBytes));
  await plain.put(peer, generated(streamedBytes));
  await pair({
    ...shared,
    name: "get 256 MiB through encrypted",
    ours: () => get(sealed, ours),
    peer: () => get(plain, peer),
  });
  await pair({
    ...shared,
    name: "put 256 MiB through encrypted",
    ours: () => put(sealed, ours),
    peer: () => put(plain, peer),
  });
};

/** A body of so many bytes, made as it is read. */
function generated(size: number): ReadableStream<Uint8Array> {
  const chunk = new Uint8Array(256 * 1024).fill(5);
  let left = size / chunk.byteLength;
  return new ReadableStream(
    { pull: (controller) => (left-- > 0 ? controller.enqueue(chunk) : controller.close()) },
    { highWaterMark: 0 },
  );
}
