import { sha256 } from "../digest.ts";
import { compareFileNames } from "./file-name.ts";

/** One file of a version. */
export interface ModelFile {
  /** Relative, slash-separated. */
  readonly name: string;
  /** `sha256:<hex>` */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

export const manifestMediaType = "application/vnd.ashlar.model.manifest.v1+json" as const;

/**
 * The manifest of a version: what its files are, in one canonical form. Its digest is the digest of the version, so
 * two versions with the same digest have the same bytes.
 */
export function encodeManifest(files: readonly ModelFile[]): { readonly bytes: Uint8Array; readonly digest: string } {
  const sorted = files
    .toSorted((a, b) => compareFileNames(a.name, b.name))
    .map(({ name, digest, size }) => ({ name, digest, size }));
  const bytes = new TextEncoder().encode(JSON.stringify({ mediaType: manifestMediaType, files: sorted }));
  return { bytes, digest: sha256(bytes) };
}
