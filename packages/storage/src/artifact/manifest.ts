import { storageError } from "../errors.ts";
import { assertDigest, type Digest } from "./digest.ts";

/** Named files that belong together, by their digests. */
export interface Manifest {
  readonly files: Readonly<Record<string, Digest>>;
  /** Free text by name. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** The one text of a manifest: names in byte order, so that equal manifests have equal digests. */
export function manifestText({ files, annotations }: Manifest): string {
  return JSON.stringify({ files: sorted(files), annotations: sorted(annotations) });
}

function sorted<Value>(record: Readonly<Record<string, Value>>): [string, Value][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Undefined when the text is no manifest. */
export function parseManifest(text: string): Manifest | undefined {
  try {
    const { files, annotations } = JSON.parse(text) as { files: [string, Digest][]; annotations: [string, string][] };
    const manifest = { files: Object.fromEntries(files), annotations: Object.fromEntries(annotations) };
    assertManifest(manifest);
    return manifest;
  } catch {
    return undefined;
  }
}

/** Refuses names that could leave the folder they are unpacked to, or meet each other there. @throws MANIFEST_INVALID, DIGEST_INVALID */
export function assertManifest({ files }: Manifest): void {
  const folded = new Map<string, string>();
  for (const [name, digest] of Object.entries(files)) {
    const same = folded.get(fold(name));
    const rule = same === undefined ? brokenRule(name) : `"${same}" is the same file where letter case does not count`;
    if (rule !== undefined) throw storageError("MANIFEST_INVALID", { name, rule });
    folded.set(fold(name), name);
    assertDigest(digest);
  }
  for (const [key, name] of folded) {
    for (let at = key.lastIndexOf("/"); at > 0; at = key.lastIndexOf("/", at - 1)) {
      const other = folded.get(key.slice(0, at));
      if (other !== undefined)
        throw storageError("MANIFEST_INVALID", { name, rule: `"${other}" is a file, not a folder` });
    }
  }
}

const fold = (name: string): string => name.normalize("NFC").toUpperCase().toLowerCase();

function brokenRule(name: string): string | undefined {
  if (name === "" || !name.isWellFormed()) return "it is empty or not well-formed text";
  // eslint-disable-next-line no-control-regex -- these are what is refused
  if (/[\u0000-\u001f\u007f]/.test(name)) return "it contains a NUL or another control character";
  if (name.includes("\\")) return "it contains a backslash";
  if (/^[a-z]:/i.test(name)) return "it begins with a drive letter";
  for (const part of name.split("/")) {
    if (part === "") return "it is absolute, or has an empty part";
    if (part === "." || part === "..") return `it has the part "${part}"`;
  }
  return new TextEncoder().encode(name).byteLength > 1024 ? "it is longer than 1,024 bytes" : undefined;
}
