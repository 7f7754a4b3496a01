// Just enough of an artifact store for a child that is killed: a folder, with writes that are renamed into place.
import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toBytes, toStream } from "@ashlar/core";
import type { ArtifactStore } from "../src/index.ts";

export function folderArtifacts(folder: string): ArtifactStore {
  mkdirSync(folder, { recursive: true });
  const path = (digest: string): string => join(folder, digest.replace(":", "-"));
  return {
    async putBlob(body) {
      const bytes = await toBytes(body);
      const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
      const staged = join(folder, randomUUID());
      writeFileSync(staged, bytes, { flush: true });
      renameSync(staged, path(digest));
      return { digest, size: bytes.byteLength };
    },
    getBlob: (digest) => toStream(readFileSync(path(digest))),
    has: async (digest) => existsSync(path(digest)),
  };
}
