import { foldName } from "../fold-name.ts";

const maxNameBytes = 1024;
const utf8 = new TextEncoder();

/** Why a name could leave the folder it is unpacked to on some system; undefined when it is harmless. */
export function escapeRule(name: string): string | undefined {
  if (name === "" || !name.isWellFormed()) return "it is empty or not well-formed text";
  // eslint-disable-next-line no-control-regex -- these are what is refused
  if (/[\u0000-\u001f\u007f]/.test(name)) return "it contains a NUL or another control character";
  if (name.includes("\\")) return "it contains a backslash";
  if (/^[a-z]:/i.test(name)) return "it begins with a drive letter";
  for (const part of name.split("/")) {
    if (part === "") return "it is absolute, or has an empty part";
    if (part === "." || part === "..") return `it has the part "${part}"`;
  }
  return utf8.encode(name).byteLength > maxNameBytes ? `it is longer than ${maxNameBytes} bytes` : undefined;
}

/** Why a name is not the name of a file on every system; undefined when it is. "Naming Files" of the Win32 documentation. */
export function portableRule(name: string): string | undefined {
  const escape = escapeRule(name);
  if (escape !== undefined) return escape;
  const sign = /[<>:"|?*]/.exec(name)?.[0];
  if (sign !== undefined) return `it contains ${sign}, which Windows does not allow`;
  for (const part of name.split("/")) {
    if (/[. ]$/.test(part)) return "a part ends in a dot or a space, which Windows drops";
    if (utf8.encode(part).byteLength > 255) return "a part is longer than 255 bytes";
    if (/^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])\s*(?:\.|$)/i.test(part)) {
      return `"${part}" is the name of a device on Windows`;
    }
  }
  return undefined;
}

/** The first name that cannot lie in one folder with the others, and why. */
export function collisionOf(names: Iterable<string>): { readonly name: string; readonly rule: string } | undefined {
  const folded = new Map<string, string>();
  for (const name of names) {
    const same = folded.get(foldName(name));
    if (same !== undefined) {
      return { name, rule: `"${same}" is the same file where letter case or Unicode form does not count` };
    }
    folded.set(foldName(name), name);
  }
  for (const [key, name] of folded) {
    for (let at = key.lastIndexOf("/"); at > 0; at = key.lastIndexOf("/", at - 1)) {
      const other = folded.get(key.slice(0, at));
      if (other !== undefined) return { name, rule: `"${other}" is a file, not a folder` };
    }
  }
  return undefined;
}
