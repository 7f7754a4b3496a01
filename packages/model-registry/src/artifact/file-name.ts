import { registryError } from "../errors.ts";

const maxBytes = 512;
const maxFiles = 10_000;
// The names Windows keeps for devices, with any extension.
const device = /^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$/i;

/**
 * Refuses names that could leave the folder a model is written to, or that meet in one file there: on a file system
 * that ignores case, or one that normalises Unicode, `Model.onnx` and `model.onnx` are the same file.
 *
 * @throws FILE_NAME_INVALID
 */
export function assertFileNames(names: readonly string[]): void {
  if (names.length === 0)
    throw registryError("FILE_NAME_INVALID", { file: "", rule: "a version needs at least one file" });
  if (names.length > maxFiles) {
    const rule = `it is number ${maxFiles + 1}, and a version has at most ${maxFiles} files`;
    throw registryError("FILE_NAME_INVALID", { file: names[maxFiles] ?? "", rule });
  }
  const files = new Map<string, string>();
  for (const name of names) {
    const rule = brokenRule(name);
    if (rule !== undefined) throw registryError("FILE_NAME_INVALID", { file: name, rule });
    const twin = files.get(foldName(name));
    if (twin !== undefined) {
      const rule = `it is the same file as ${JSON.stringify(twin)} where case or Unicode form is ignored`;
      throw registryError("FILE_NAME_INVALID", { file: name, rule });
    }
    files.set(foldName(name), name);
  }
  const folders = new Map<string, string>();
  for (const name of names) assertFolders(name, files, folders);
}

/** A name must not be both a file and a folder, nor a folder be spelt in two ways. */
function assertFolders(name: string, files: ReadonlyMap<string, string>, folders: Map<string, string>): void {
  for (let end = name.indexOf("/"); end !== -1; end = name.indexOf("/", end + 1)) {
    const folder = name.slice(0, end);
    const key = foldName(folder);
    const file = files.get(key);
    if (file !== undefined) {
      throw registryError("FILE_NAME_INVALID", { file: name, rule: `its folder is the file ${JSON.stringify(file)}` });
    }
    const spelling = folders.get(key) ?? folder;
    if (spelling !== folder) {
      const rule = `its folder is the same as ${JSON.stringify(spelling)} where case or Unicode form is ignored`;
      throw registryError("FILE_NAME_INVALID", { file: name, rule });
    }
    folders.set(key, folder);
  }
}

function brokenRule(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (!name.isWellFormed()) return "it contains a lone surrogate";
  if (/\p{Cc}/u.test(name)) return "it contains a control character";
  if (name.includes("\\")) return "it contains a backslash";
  // Signatures over shards name their parts path:start:end, and Windows has drives and streams.
  if (name.includes(":")) return "it contains a colon";
  if (Buffer.byteLength(name) > maxBytes) return `it is longer than ${maxBytes} bytes of UTF-8`;
  if (name.startsWith("/")) return "it is absolute";
  for (const segment of name.split("/")) {
    if (segment === "") return "it has an empty segment";
    if (segment === "." || segment === "..") return `it has the segment "${segment}"`;
    if (/[. ]$/.test(segment)) return "a segment ends in a dot or a space";
    if (device.test(segment)) return `"${segment}" is a device on Windows`;
  }
  return undefined;
}

/** True when a name is the same file as another where case or Unicode form is ignored. */
export function foldsTo(name: string, other: string): boolean {
  return foldName(name) === foldName(other);
}

function foldName(name: string): string {
  return name.normalize("NFKD").toUpperCase().toLowerCase().normalize("NFKD");
}

/** Orders by path components and, within them, by code points: `a/b` before `a.b/c`. */
export function compareFileNames(a: string, b: string): number {
  const left = a.split("/");
  const right = b.split("/");
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = Buffer.compare(Buffer.from(left[i] ?? ""), Buffer.from(right[i] ?? ""));
    if (order !== 0) return order;
  }
  return left.length - right.length;
}
