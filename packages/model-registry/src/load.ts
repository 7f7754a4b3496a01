import { type SqlExecutor, toBytes } from "@ashlar/core";
import { encodeManifest, type ModelFile } from "./artifact/manifest.ts";
import type { ArtifactStore } from "./artifact/store.ts";
import { verified } from "./artifact/verify.ts";
import { registryError } from "./errors.ts";
import { standingOf } from "./alias/move.ts";
import { type ModelReference, parseReference } from "./name.ts";
import { assertModel, type ModelVersion, readVersion } from "./version/version.ts";

export interface LoadOptions {
  readonly signal?: AbortSignal;
}

/** A file of a loaded version. Each call reads it anew, and verifies it. */
export interface LoadedFile extends ModelFile {
  /** @throws ARTIFACT_CORRUPT, ARTIFACT_MISSING */
  bytes(): Promise<Uint8Array>;
  /** Wrong bytes end in an error in place of the end of the stream. @throws ARTIFACT_MISSING, ARTIFACT_CORRUPT */
  stream(): Promise<ReadableStream<Uint8Array>>;
}

/** A version that can be read. The alias it was loaded by may move on: this stays the version it was. */
export interface LoadedModel {
  readonly version: ModelVersion;
  /** @throws FILE_NOT_FOUND */
  file(name: string): LoadedFile;
}

/** @throws ALIAS_NOT_FOUND, MODEL_NOT_FOUND, VERSION_NOT_FOUND, VERSION_DELETED */
export async function resolve(database: SqlExecutor, reference: string): Promise<ModelVersion> {
  const parsed = parseReference(reference);
  return readVersion(database, parsed.name, await numberOf(database, parsed));
}

/**
 * Finds a version and holds it to its digest: the manifest in the artifact store and the files in the database must
 * both give it, and every file must be there. Bytes are verified whenever they are read; there is no way around it.
 *
 * @throws ARTIFACT_CORRUPT, ARTIFACT_MISSING
 */
export async function load(
  database: SqlExecutor,
  artifacts: ArtifactStore,
  reference: string,
  options: LoadOptions = {},
): Promise<LoadedModel> {
  const version = await resolve(database, reference);
  const manifest = encodeManifest(version.files);
  if (manifest.digest !== version.digest) {
    const file = `the files of ${version.name}/${version.number} in the database`;
    throw registryError("ARTIFACT_CORRUPT", { digest: version.digest, file, actual: manifest.digest });
  }
  const stored = { digest: version.digest, size: manifest.bytes.byteLength, name: "the manifest" };
  await toBytes(await open(artifacts, stored, options));
  for (const { digest, name } of version.files) await assertThere(artifacts, digest, name, options);

  const files = new Map(version.files.map((file) => [file.name, file]));
  return {
    version,
    file(name) {
      const file = files.get(name);
      if (file === undefined) {
        const { name: model, number } = version;
        throw registryError("FILE_NOT_FOUND", { model, number, file: name, files: [...files.keys()] });
      }
      const stream = (): Promise<ReadableStream<Uint8Array>> => open(artifacts, file, options);
      const { digest, size } = file;
      return { name, digest, size, stream, bytes: async () => toBytes(await stream()) };
    },
  };
}

/** What the artifact store verifies is verified once more: which store is behind the port is not ours to know. */
async function open(
  artifacts: ArtifactStore,
  { digest, size, name }: ModelFile,
  options: LoadOptions,
): Promise<ReadableStream<Uint8Array>> {
  await assertThere(artifacts, digest, name, options);
  return verified(await artifacts.getBlob(digest, options), { digest, size, file: name });
}

async function assertThere(
  artifacts: ArtifactStore,
  digest: string,
  file: string,
  options: LoadOptions,
): Promise<void> {
  if (!(await artifacts.has(digest, options))) throw registryError("ARTIFACT_MISSING", { digest, file });
}

async function numberOf(database: SqlExecutor, reference: ModelReference): Promise<number> {
  if ("number" in reference) return reference.number;
  const { name, alias } = reference;
  await assertModel(database, name);
  const { current } = await standingOf(database, name, alias);
  if (current === undefined) throw registryError("ALIAS_NOT_FOUND", { model: name, alias });
  return current;
}
