/**
 * How keys become paths below the root of a file system store. Almost every segment stands for itself, so that other
 * tools find a table where its key says. Only what a file system cannot hold, or the store keeps for itself, is marked:
 *
 * - a segment longer than 240 bytes is cut into folders whose names end in `%+`;
 * - a segment that ends in a mark, or is the reserved folder, gets the mark `%_`.
 */
export const reservedFolder = ".ashlar";

const cutAfterBytes = 240;
const goesOn = "%+";
const escaped = "%_";

/** The path of a key, relative to the root, with forward slashes. */
export function pathOfKey(key: string): string {
  return key.split("/").map(encodeSegment).join("/");
}

function encodeSegment(segment: string): string {
  const parts = cut(segment);
  const last = parts.pop() ?? "";
  return [...parts.map((part) => part + goesOn), needsMark(last) ? last + escaped : last].join("/");
}

function needsMark(name: string): boolean {
  return name === reservedFolder || name.endsWith(goesOn) || name.endsWith(escaped) || name === "." || name === "..";
}

function cut(segment: string): string[] {
  if (Buffer.byteLength(segment) <= cutAfterBytes) return [segment];
  const parts: string[] = [];
  let part = "";
  let size = 0;
  for (const character of segment) {
    const bytes = Buffer.byteLength(character);
    if (size + bytes > cutAfterBytes) {
      parts.push(part);
      part = "";
      size = 0;
    }
    part += character;
    size += bytes;
  }
  return [...parts, part];
}

/** What one directory entry adds to the key. `continues` is true when the next entry belongs to the same segment. */
export function decodeName(name: string): { readonly text: string; readonly continues: boolean } {
  if (name.endsWith(goesOn)) return { text: name.slice(0, -goesOn.length), continues: true };
  return { text: name.endsWith(escaped) ? name.slice(0, -escaped.length) : name, continues: false };
}
