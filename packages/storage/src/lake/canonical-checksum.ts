import { createHash } from "node:crypto";

/** "JSON checksum" of the Delta protocol: MD5 over the paths and values of a JSON object, but for its own `checksum`. */
export function jsonChecksum(value: Readonly<Record<string, unknown>>): string {
  const { checksum: _, ...rest } = value;
  const entries = entriesOf(rest, "").sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return createHash("md5")
    .update(entries.map(([path, text]) => `${path}=${text}`).join(","))
    .digest("hex");
}

function entriesOf(value: unknown, path: string): (readonly [path: string, text: string])[] {
  const below = (name: string): string => (path === "" ? name : `${path}+${name}`);
  if (Array.isArray(value)) return value.flatMap((item, index) => entriesOf(item, below(String(index))));
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([name, item]) => entriesOf(item, below(quoted(name))));
  }
  return [[path, typeof value === "string" ? quoted(value) : String(value)]];
}

/** Percent-encodes every byte but those of RFC 3986's unreserved characters. */
function quoted(text: string): string {
  const encoded = encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `"${encoded}"`;
}
