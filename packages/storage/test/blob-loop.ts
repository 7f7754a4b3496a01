import { createArtifactStore } from "@ashlar/storage/artifact";
import { fileSystem } from "@ashlar/storage/file-system";

// Puts blobs as streams, and tells the digest of each once it is acknowledged, until it is killed.
const [root = "", seed = "0"] = process.argv.slice(2);
const store = createArtifactStore({ objects: fileSystem({ root }) });
for (let round = 0; ; round++) {
  const piece = new Uint8Array(16_384).fill(round % 256);
  new DataView(piece.buffer).setUint32(0, Number(seed) * 1_000_000 + round);
  let left = 1 + (round % 12);
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (left-- > 0) controller.enqueue(piece.slice());
      else controller.close();
    },
  });
  const { digest, size } = await store.putBlob(body);
  process.send?.({ digest, size });
}
