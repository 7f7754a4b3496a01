import type { Digest } from "./digest.ts";

/** What is kept by its digest. */
export type Kind = "blobs" | "manifests" | "packs";

/** What a collector lists, in the order in which it deletes: while a manifest is there, so are its files. */
export const collectedPrefixes: readonly string[] = ["manifests/", "blobs/"];

const folders: Readonly<Record<Kind, string>> = {
  blobs: "blobs/sha256/",
  manifests: "manifests/sha256/",
  packs: "blobs/packs/",
};
const kinds = Object.keys(folders) as Kind[];

const prefixLength = "sha256:".length;

/** Where content is kept, if nothing stood in the way: `blobs/sha256/2c/2cf24d...`. */
export function homeOf(kind: Kind, digest: Digest): string {
  const hex = digest.slice(prefixLength);
  return `${folders[kind]}${hex.slice(0, 2)}/${hex}`;
}

/** The prefix under which all content of a kind is kept. */
export function everyOf(kind: Kind): string {
  return folders[kind];
}

/** The prefix under which a digest is kept, with some others. */
export function folderOf(kind: Kind, digest: Digest): string {
  return homeOf(kind, digest).slice(0, -(digest.length - prefixLength));
}

/** The prefix under which multi-pack indexes are kept: no content, but what tells where some is. */
export const multiPackIndexes = "blobs/indexes/";

/** `blobs/indexes/9f/9f01...` */
export function multiPackIndexAt(digest: Digest): string {
  const hex = digest.slice(prefixLength);
  return `${multiPackIndexes}${hex.slice(0, 2)}/${hex}`;
}

/** Whose key it is; undefined for that of anything else. */
export function multiPackIndexOf(key: string): Digest | undefined {
  const hex = /^blobs\/indexes\/([0-9a-f]{2})\/(\1[0-9a-f]{62})$/.exec(key)?.[2];
  return hex === undefined ? undefined : `sha256:${hex}`;
}

/** A new place beside the home, for content that is put while its home is condemned. No two are ever the same. */
export function annexOf(kind: Kind, digest: Digest): string {
  return `${annexesOf(kind, digest)}${crypto.randomUUID()}`;
}

/** The prefix of all annexes of a digest. */
export function annexesOf(kind: Kind, digest: Digest): string {
  return `${homeOf(kind, digest)}.`;
}

/** What is about content: a key, a marker, a lease. */
export interface Subject {
  readonly kind: Kind;
  readonly digest: Digest;
}

/** What content a key keeps; undefined for a key that is neither a home nor an annex. */
export function contentAt(key: string): Subject | undefined {
  const kind = kinds.find((each) => key.startsWith(folders[each]));
  if (kind === undefined) return undefined;
  const hex = /^([0-9a-f]{2})\/(\1[0-9a-f]{62})(?:\.[^/]+)?$/.exec(key.slice(folders[kind].length))?.[2];
  return hex === undefined ? undefined : { kind, digest: `sha256:${hex}` };
}

/** The marker of content that a collector is about to delete. */
export function condemnedAt(kind: Kind, digest: Digest): string {
  return `condemned/${kind}/${digest.slice(prefixLength)}`;
}

/** The prefix of the leases of those who found content there and count on it. */
export function leasesOf(kind: Kind, digest: Digest): string {
  return `leases/${kind}/${digest.slice(prefixLength)}/`;
}

/** Whose content a marker or a lease is about. */
export function subjectOf(key: string): Subject | undefined {
  const [, kind, hex] = /^(?:condemned|leases)\/(blobs|manifests|packs)\/([0-9a-f]{64})(?:\/[^/]+)?$/.exec(key) ?? [];
  return hex === undefined ? undefined : { kind: kind as Kind, digest: `sha256:${hex}` };
}
