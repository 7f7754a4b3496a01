import { createHash } from "node:crypto";
import { toBytes } from "@ashlar/core";
import { describe, expect, it } from "vitest";
import type { ArtifactStore } from "../artifact/store.ts";

export interface ArtifactStoreSuite {
  /** A new, empty store for each test. */
  readonly create: () => ArtifactStore | Promise<ArtifactStore>;
  /** Damages the bytes of a blob behind the store's back. Absent where that cannot be done. */
  readonly corrupt?: (store: ArtifactStore, digest: string) => void | Promise<void>;
}

const content = new TextEncoder().encode("the weights of a model");
const digestOf = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** The contract of `ArtifactStore`. Run it for every implementation. */
export function describeArtifactStore(name: string, { create, corrupt }: ArtifactStoreSuite): void {
  describe(`${name}: artifact store`, () => {
    it("keeps bytes under their digest", async () => {
      const store = await create();
      const blob = { digest: digestOf(content), size: content.byteLength };
      expect(await store.has(blob.digest)).toBe(false);
      expect(await store.putBlob(content)).toMatchObject(blob);
      expect(await store.has(blob.digest)).toBe(true);
      expect(Buffer.from(await toBytes(await store.getBlob(blob.digest)))).toEqual(Buffer.from(content));
    });

    it("gives a stream the digest of the same bytes in one piece", async () => {
      const store = await create();
      const parts = [content.slice(0, 5), content.slice(5, 6), content.slice(6)];
      const stream = new ReadableStream<Uint8Array>({
        pull(controller) {
          const part = parts.shift();
          if (part === undefined) controller.close();
          else controller.enqueue(part);
        },
      });
      expect(await store.putBlob(stream)).toMatchObject({ digest: digestOf(content), size: content.byteLength });
      expect(await store.putBlob(content)).toMatchObject({ digest: digestOf(content), size: content.byteLength });
      expect(Buffer.from(await toBytes(await store.getBlob(digestOf(content))))).toEqual(Buffer.from(content));
    });

    it("keeps an empty blob, and many writers of one", async () => {
      const store = await create();
      const empty = new Uint8Array();
      await store.putBlob(empty);
      expect((await toBytes(await store.getBlob(digestOf(empty)))).byteLength).toBe(0);
      await Promise.all(Array.from({ length: 16 }, () => store.putBlob(content)));
      expect((await toBytes(await store.getBlob(digestOf(content)))).byteLength).toBe(content.byteLength);
    });

    it("keeps nothing of a stream that fails, and gives an error for a blob that is not there", async () => {
      const store = await create();
      let pulled = false;
      const broken = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (pulled) return controller.error(new Error("the sender went away"));
          pulled = true;
          controller.enqueue(content);
        },
      });
      await expect(store.putBlob(broken)).rejects.toThrow("the sender went away");
      expect(await store.has(digestOf(content))).toBe(false);
      const reading = (async () => toBytes(await store.getBlob(digestOf(content))))();
      expect(
        await reading.then(
          () => "read",
          () => "refused",
        ),
      ).toBe("refused");
    });

    it.runIf(corrupt !== undefined)("never gives wrong bytes as good", async () => {
      const store = await create();
      await store.putBlob(content);
      await corrupt?.(store, digestOf(content));
      await expect((async () => toBytes(await store.getBlob(digestOf(content))))()).rejects.toMatchObject({
        code: "ARTIFACT_CORRUPT",
      });
    });
  });
}
