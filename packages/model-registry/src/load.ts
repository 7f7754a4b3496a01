import { type SqlExecutor, toBytes } from "@ashlar/core";
import { encodeManifest, type ModelFile } from "./artifact/manifest.ts";
import { assertStored, openArtifact } from "./artifact/open.ts";
import { registryError } from "./errors.ts";
import { standingOf } from "./alias/move.ts";
import { type ModelReference, parseReference } from "./name.ts";
import { readSignature, type SignatureContext, verifyVersion } from "./signature/version.ts";
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
  /** The Sigstore bundle; undefined when the version is not signed. @throws ARTIFACT_CORRUPT, ARTIFACT_MISSING */
  signature(): Promise<Uint8Array | undefined>;
}

/** @throws ALIAS_NOT_FOUND, MODEL_NOT_FOUND, VERSION_NOT_FOUND, VERSION_DELETED */
export async function resolve(database: SqlExecutor, reference: string): Promise<ModelVersion> {
  const parsed = parseReference(reference);
  return readVersion(database, parsed.name, await numberOf(database, parsed));
}

/**
 * Finds a version and holds it to its digest: the manifest in the artifact store and the files in the database must
 * both give it, and every file must be there. Where keys are trusted, one of them must have signed it. Bytes are
 * verified whenever they are read; there is no way around it.
 *
 * @throws ARTIFACT_CORRUPT, ARTIFACT_MISSING, SIGNATURE_MISSING, SIGNATURE_INVALID
 */
export async function load(
  database: SqlExecutor,
  signatures: SignatureContext,
  reference: string,
  options: LoadOptions = {},
): Promise<LoadedModel> {
  const { artifacts } = signatures;
  const version = await resolve(database, reference);
  const manifest = encodeManifest(version.files);
  if (manifest.digest !== version.digest) {
    const file = `the files of ${version.name}/${version.number} in the database`;
    throw registryError("ARTIFACT_CORRUPT", { digest: version.digest, file, actual: manifest.digest });
  }
  if (signatures.trusted !== undefined) await verifyVersion(signatures, version, options);
  const stored = { digest: version.digest, size: manifest.bytes.byteLength, name: "the manifest" };
  await toBytes(await openArtifact(artifacts, stored, options));
  for (const { digest, name } of version.files) await assertStored(artifacts, digest, name, options);

  const files = new Map(version.files.map((file) => [file.name, file]));
  return {
    version,
    file(name) {
      const file = files.get(name);
      if (file === undefined) {
        const { name: model, number } = version;
        throw registryError("FILE_NOT_FOUND", { model, number, file: name, files: [...files.keys()] });
      }
      const stream = (): Promise<ReadableStream<Uint8Array>> => openArtifact(artifacts, file, options);
      const { digest, size } = file;
      return { name, digest, size, stream, bytes: async () => toBytes(await stream()) };
    },
    signature: async () => (version.signature === undefined ? undefined : readSignature(signatures, version, options)),
  };
}

async function numberOf(database: SqlExecutor, reference: ModelReference): Promise<number> {
  if ("number" in reference) return reference.number;
  const { name, alias } = reference;
  await assertModel(database, name);
  const { current } = await standingOf(database, name, alias);
  if (current === undefined) throw registryError("ALIAS_NOT_FOUND", { model: name, alias });
  return current;
}
