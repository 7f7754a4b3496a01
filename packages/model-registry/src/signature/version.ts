import { concatBytes } from "@ashlar/core";
import { openArtifact } from "../artifact/open.ts";
import type { ArtifactStore } from "../artifact/store.ts";
import { registryError } from "../errors.ts";
import { invalid } from "../name.ts";
import type { ModelVersion, VersionSignature } from "../version/version.ts";
import { maxBundleBytes } from "./bundle.ts";
import type { VerificationKey } from "./key.ts";
import { refusing } from "./refuse.ts";
import { verifySignature } from "./verify.ts";

type Options = { readonly signal?: AbortSignal };

/** Where signatures of versions are kept, and which are believed. */
export interface SignatureContext {
  readonly artifacts: ArtifactStore;
  /** Undefined when the registry verifies no signatures. */
  readonly trusted: readonly VerificationKey[] | undefined;
}

/** The bundle of a version: the right bytes, but not verified. @throws SIGNATURE_MISSING, ARTIFACT_MISSING, ARTIFACT_CORRUPT */
export async function readSignature(
  { artifacts }: SignatureContext,
  version: ModelVersion,
  options: Options = {},
): Promise<Uint8Array> {
  const { name: model, number } = version;
  if (version.signature === undefined) throw registryError("SIGNATURE_MISSING", { model, number });
  const blob = { digest: version.signature.bundleDigest, name: "the signature" };
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of await openArtifact(artifacts, blob, options)) {
    size += part.byteLength;
    if (size > maxBundleBytes) throw refusing(labelOf(version))(`it has more than ${maxBundleBytes} bytes`);
    parts.push(part);
  }
  return concatBytes(parts);
}

/**
 * Holds a version to its signature: by a trusted key, under the name of its model, over its files.
 *
 * @throws SIGNATURE_MISSING, SIGNATURE_INVALID; REQUEST_INVALID when the registry trusts no keys
 */
export async function verifyVersion(
  context: SignatureContext,
  version: ModelVersion,
  options: Options = {},
): Promise<VersionSignature> {
  if (context.trusted === undefined) {
    throw invalid("check of a signature", labelOf(version), "the registry has no trustedKeys to verify it with");
  }
  const bundle = await readSignature(context, version, options);
  const { name, files } = version;
  const { keyHint } = verifySignature(bundle, { name, files, label: labelOf(version) }, context.trusted);
  return { bundleDigest: version.signature?.bundleDigest ?? "", keyHint };
}

function labelOf({ name, number }: ModelVersion): string {
  return `${name}/${number}`;
}
