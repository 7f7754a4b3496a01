import { registryError } from "../errors.ts";
import type { ArtifactStore } from "./store.ts";
import { verified } from "./verify.ts";

type Options = { readonly signal?: AbortSignal };

/**
 * Opens a blob for reading. What the artifact store verifies is verified once more: which store is behind the port is
 * not ours to know.
 *
 * @throws ARTIFACT_MISSING; ARTIFACT_CORRUPT as the stream's error
 */
export async function openArtifact(
  artifacts: ArtifactStore,
  { name, ...expected }: { readonly digest: string; readonly size?: number; readonly name: string },
  options: Options,
): Promise<ReadableStream<Uint8Array>> {
  await assertStored(artifacts, expected.digest, name, options);
  return verified(await artifacts.getBlob(expected.digest, options), { ...expected, file: name });
}

/** @throws ARTIFACT_MISSING */
export async function assertStored(
  artifacts: ArtifactStore,
  digest: string,
  file: string,
  options: Options,
): Promise<void> {
  if (!(await artifacts.has(digest, options))) throw registryError("ARTIFACT_MISSING", { digest, file });
}
