import { storageError } from "../errors.ts";
import { assertDigest, type Digest, isDigest } from "./digest.ts";
import { collisionOf, escapeRule, portableRule } from "./file-name.ts";

/** Content by its digest, as the descriptors of the OCI image specification have it. */
export interface Descriptor {
  readonly digest: Digest;
  /** RFC 6838, e.g. `application/json`. */
  readonly mediaType: string;
  /** Bytes. Absent only in a manifest of the first schema version, which did not say. */
  readonly size?: number;
}

/** Named files that belong together. */
export interface Manifest {
  readonly files: Readonly<Record<string, Descriptor>>;
  /** Free text by name. */
  readonly annotations: Readonly<Record<string, string>>;
}

export const manifestMediaType = "application/vnd.ashlar.manifest.v2+json";
export const unknownMediaType = "application/octet-stream";
export const maxFiles = 100_000;
/** Of the text of a manifest. */
export const maxManifestBytes: number = 64 * 1024 * 1024;

/**
 * The one text of a manifest, so that equal manifests have equal digests: JSON without spaces, every object's names in
 * the order of their UTF-16 code units (RFC 8785), the files in that of their names.
 */
export function manifestText({ files, annotations }: Manifest): string {
  const notes = inOrder(annotations).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  const described = inOrder(files).map(([name, { digest, mediaType, size }]) => ({ digest, mediaType, name, size }));
  return `{"annotations":{${notes.join(",")}},"files":${JSON.stringify(described)},"mediaType":"${manifestMediaType}","schemaVersion":2}`;
}

function inOrder<Value>(record: Readonly<Record<string, Value>>): [string, Value][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Undefined when the text is no manifest of either schema version. */
export function parseManifest(text: string): Manifest | undefined {
  try {
    const parsed = JSON.parse(text) as { readonly schemaVersion?: unknown };
    return parsed.schemaVersion === undefined ? parseFirst(parsed as FirstSchema) : parseSecond(parsed as SecondSchema);
  } catch {
    return undefined;
  }
}

interface FirstSchema {
  readonly files: readonly (readonly [name: string, digest: Digest])[];
  readonly annotations: readonly (readonly [string, string])[];
}

function parseFirst({ files, annotations }: FirstSchema): Manifest | undefined {
  const described = files.map(([name, digest]) => [name, { digest, mediaType: unknownMediaType }] as const);
  const manifest = { files: Object.fromEntries(described), annotations: Object.fromEntries(annotations) };
  // It was written by the rules of its day; those that keep a file in its folder were among them.
  const harmless = files.every(([name, digest]) => escapeRule(name) === undefined && isDigest(digest));
  return harmless && collisionOf(Object.keys(manifest.files)) === undefined ? manifest : undefined;
}

interface SecondSchema {
  readonly schemaVersion: unknown;
  readonly files: readonly (Descriptor & { readonly name: string })[];
  readonly annotations: Readonly<Record<string, string>>;
}

function parseSecond({ schemaVersion, files, annotations }: SecondSchema): Manifest | undefined {
  if (schemaVersion !== 2) return undefined;
  const named = files.map(({ name, digest, mediaType, size = -1 }) => [name, { digest, mediaType, size }] as const);
  const manifest = { files: Object.fromEntries(named), annotations };
  assertManifest(manifest);
  return named.length === Object.keys(manifest.files).length ? manifest : undefined;
}

/** What may be stored: names that are one file each on every system, whole descriptors, and not too many. @throws MANIFEST_INVALID, DIGEST_INVALID */
export function assertManifest({ files, annotations }: Manifest): void {
  const names = Object.keys(files);
  if (names.length > maxFiles) throw invalid(names[maxFiles] ?? "", `a manifest has at most ${maxFiles} files`);
  for (const [name, descriptor] of Object.entries(files)) {
    const rule = portableRule(name) ?? descriptorRule(descriptor);
    if (rule !== undefined) throw invalid(name, rule);
    assertDigest(descriptor.digest);
  }
  const collision = collisionOf(names);
  if (collision !== undefined) throw invalid(collision.name, collision.rule);
  for (const [name, value] of Object.entries(annotations)) {
    const wellFormed = typeof value === "string" && value.isWellFormed() && name.isWellFormed();
    if (!wellFormed) throw invalid(name, "an annotation is well-formed text by a well-formed name");
  }
}

function descriptorRule({ mediaType, size }: Descriptor): string | undefined {
  if (!isMediaType(mediaType)) return `${JSON.stringify(mediaType)} is not a media type like "application/json"`;
  return Number.isSafeInteger(size) && Number(size) >= 0 ? undefined : `its size is ${size}`;
}

const mediaTypes = /^[a-z0-9][\w!#$&^.+-]{0,126}\/[a-z0-9][\w!#$&^.+-]{0,126}(?:;[\x20-\x7e]*)?$/i;

/** RFC 6838, section 4.2: type and subtype; parameters may follow. */
export function isMediaType(text: unknown): text is string {
  return typeof text === "string" && text.length <= 255 && mediaTypes.test(text);
}

const invalid = (name: string, rule: string): Error => storageError("MANIFEST_INVALID", { name, rule });
