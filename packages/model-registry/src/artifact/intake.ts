import { posix } from "node:path";
import { type Bytes, concatBytes } from "@ashlar/core";
import { hashing, sha256 } from "../digest.ts";
import { registryError } from "../errors.ts";
import type { Failpoint } from "../failpoint.ts";
import { type OnnxSummary, readOnnx } from "../introspect/onnx.ts";
import type { VersionFile } from "../version/version.ts";
import { assertFileNames, compareFileNames } from "./file-name.ts";
import { encodeManifest } from "./manifest.ts";
import type { ArtifactStore } from "./store.ts";

/** Files of a version to be: name to content. A stream is used once. */
export type ModelFiles = Readonly<Record<string, Bytes>>;

/** Files whose bytes are in the artifact store, and the digest of their manifest, which is there too. */
export interface TakenIn {
  readonly digest: string;
  readonly files: readonly VersionFile[];
}

/**
 * Stores the files of a version and their manifest. The digest the store gives is checked against our own; ONNX files
 * are read, those given as bytes before anything is stored.
 *
 * @throws FILE_NAME_INVALID, ONNX_INVALID, ARTIFACT_CORRUPT, ARTIFACT_MISSING
 */
export async function takeIn(
  artifacts: ArtifactStore,
  given: ModelFiles,
  options: { readonly signal?: AbortSignal; readonly failpoint?: Failpoint },
): Promise<TakenIn> {
  const names = Object.keys(given).sort(compareFileNames);
  assertFileNames(names);
  const summaries = new Map<string, OnnxSummary>();
  for (const name of names) {
    const body = given[name];
    if (isOnnx(name) && body instanceof Uint8Array) summaries.set(name, summarise(name, body, names));
  }

  const files: VersionFile[] = [];
  for (const name of names) {
    options.signal?.throwIfAborted();
    const stored = await store(artifacts, name, given[name] as Bytes, options);
    options.failpoint?.("blob-stored", name);
    const onnx = summaries.get(name) ?? (stored.content && summarise(name, stored.content, names));
    files.push({ name, digest: stored.digest, size: stored.size, ...(onnx === undefined ? {} : { onnx }) });
  }

  const manifest = encodeManifest(files);
  await store(artifacts, "the manifest", manifest.bytes, options);
  options.failpoint?.("manifest-stored");
  for (const { digest, name } of [...files, { digest: manifest.digest, name: "the manifest" }]) {
    if (!(await artifacts.has(digest, signalOf(options)))) {
      throw registryError("ARTIFACT_MISSING", { digest, file: name });
    }
  }
  return { digest: manifest.digest, files };
}

/** What was stored. */
export interface Stored {
  readonly digest: string;
  readonly size: number;
  /** Of an ONNX file that came as a stream: held once, to be read. */
  readonly content?: Uint8Array;
}

/** Stores bytes, and holds the store to the digest they have. @throws ARTIFACT_CORRUPT */
export async function store(
  artifacts: ArtifactStore,
  name: string,
  body: Bytes,
  options: { readonly signal?: AbortSignal },
): Promise<Stored> {
  if (body instanceof Uint8Array) {
    const expected = { digest: sha256(body), size: body.byteLength };
    agree(name, expected, await artifacts.putBlob(body, signalOf(options)));
    return expected;
  }
  const parts: Uint8Array[] = [];
  const { stream, passed } = hashing(isOnnx(name) ? body.pipeThrough(copyTo(parts)) : body);
  const blob = await artifacts.putBlob(stream, signalOf(options));
  const expected = { digest: passed.digest(), size: passed.size() };
  agree(name, expected, blob);
  return isOnnx(name) ? { ...expected, content: concatBytes(parts) } : expected;
}

function agree(file: string, ours: { digest: string; size: number }, theirs: { digest: string; size: number }): void {
  if (theirs.digest === ours.digest && theirs.size === ours.size) return;
  const actual = `${theirs.digest} (${theirs.size} bytes) in the artifact store`;
  throw registryError("ARTIFACT_CORRUPT", { digest: ours.digest, file, actual });
}

function copyTo(parts: Uint8Array[]): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform(chunk, controller) {
      parts.push(chunk.slice());
      controller.enqueue(chunk);
    },
  });
}

/** Reads an ONNX file, and holds it to its own folder: external tensors must lie in files of the same version. */
function summarise(name: string, content: Uint8Array, names: readonly string[]): OnnxSummary {
  const summary = readOnnx(content, name);
  for (const location of summary.externalData) {
    if (names.includes(posix.join(posix.dirname(name), location))) continue;
    const reason = `its weights lie in ${JSON.stringify(location)}, which is not a file of this version`;
    throw registryError("ONNX_INVALID", { file: name, reason });
  }
  return summary;
}

function isOnnx(name: string): boolean {
  return /\.onnx$/i.test(name);
}

function signalOf(options: { readonly signal?: AbortSignal }): { readonly signal?: AbortSignal } {
  return options.signal === undefined ? {} : { signal: options.signal };
}
