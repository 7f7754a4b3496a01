/**
 * One spelling of a request target, so that what is authorised is byte for byte what is forwarded.
 *
 * Unreserved characters are decoded and the hex digits of the rest are upper-cased (RFC 3986 section 6.2.2). Whatever
 * two servers could read in two ways is refused instead of repaired.
 */
export interface CanonicalTarget {
  /** Begins with `/`; no empty segment, no dot segment. */
  readonly path: string;
  /** With its leading `?`, exactly as it was sent; or empty. */
  readonly query: string;
}

/** The canonical target, or the reason why there is none. */
export type CanonicalResult = CanonicalTarget | { readonly problem: string };

const unreserved = 1;
const allowedInPath = 2;
const allowedInQuery = 4;

const classes: Uint8Array = classify();

function classify(): Uint8Array {
  const table = new Uint8Array(256);
  const mark = (characters: string, bits: number): void => {
    for (const character of characters) table[character.charCodeAt(0)]! |= bits;
  };
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  mark(`${letters}-._~`, unreserved | allowedInPath | allowedInQuery);
  // RFC 3986 pchar without ";": some servers cut path parameters off before they match.
  mark("!$&'()*+,=:@/", allowedInPath | allowedInQuery);
  // Browsers send these raw in a query.
  mark("?;[]{}|^`", allowedInQuery);
  return table;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** @param target the request target in origin form, as it stood on the request line */
export function canonicalTarget(target: string): CanonicalResult {
  if (target.charCodeAt(0) !== 0x2f) return { problem: "its target does not begin with a slash" };
  const mark = target.indexOf("?");
  const rawPath = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? "" : target.slice(mark);

  const queryProblem = checkQuery(query);
  if (queryProblem) return { problem: queryProblem };
  const decoded = decodePath(rawPath);
  if (typeof decoded !== "string") return decoded;
  const segmentProblem = checkSegments(decoded);
  return segmentProblem ? { problem: segmentProblem } : { path: decoded, query };
}

function checkQuery(query: string): string | undefined {
  for (let index = 0; index < query.length; index += 1) {
    const code = query.charCodeAt(index);
    if (code === 0x25) {
      if (hexPair(query, index + 1) < 0) return "its query has a percent sign without two hex digits";
      index += 2;
    } else if (code > 0xff || !(classes[code]! & allowedInQuery)) {
      return `its query has the raw character ${printable(code)}`;
    }
  }
  return undefined;
}

function decodePath(path: string): string | { readonly problem: string } {
  let result = "";
  let copied = 0;
  let high = false;
  for (let index = 0; index < path.length; index += 1) {
    const code = path.charCodeAt(index);
    if (code !== 0x25) {
      if (code <= 0xff && classes[code]! & allowedInPath) continue;
      return { problem: `its path has the raw character ${printable(code)}` };
    }
    const value = hexPair(path, index + 1);
    if (value < 0) return { problem: "its path has a percent sign without two hex digits" };
    const problem = refusedWhenEncoded(value);
    if (problem) return { problem };
    high ||= value > 0x7f;
    const spelling =
      classes[value]! & unreserved ? String.fromCharCode(value) : path.slice(index, index + 3).toUpperCase();
    result += path.slice(copied, index) + spelling;
    index += 2;
    copied = index + 1;
  }
  const whole = copied === 0 ? path : result + path.slice(copied);
  // Looked for in the result: the digits after an encoded percent sign may have been encoded themselves.
  if (/%25[0-9A-Fa-f]{2}/.test(whole)) return { problem: "its path is encoded twice" };
  return high && !isCleanUtf8(whole)
    ? { problem: "its path has percent-encoded bytes that are not well-formed UTF-8 text" }
    : whole;
}

function refusedWhenEncoded(value: number): string | undefined {
  if (value === 0x2f || value === 0x5c) return "its path has an encoded slash or backslash";
  if (value === 0x2e) return "its path has an encoded dot";
  if (value < 0x20 || value === 0x7f) return "its path has an encoded control character";
  return undefined;
}

function isCleanUtf8(path: string): boolean {
  const bytes = new Uint8Array(path.length);
  let length = 0;
  for (let index = 0; index < path.length; index += 1) {
    const encoded = path.charCodeAt(index) === 0x25;
    bytes[length] = encoded ? hexPair(path, index + 1) : path.charCodeAt(index);
    length += 1;
    if (encoded) index += 2;
  }
  try {
    // Overlong forms and surrogates fail to decode; C1 controls decode, but are no text.
    return !/[\u0080-\u009f]/.test(utf8.decode(bytes.subarray(0, length)));
  } catch {
    return false;
  }
}

function checkSegments(path: string): string | undefined {
  if (path.includes("//")) return "its path has an empty segment";
  // Only a dot right after a slash can begin a dot segment.
  for (let at = path.indexOf("/."); at >= 0; at = path.indexOf("/.", at + 1)) {
    const end = path.indexOf("/", at + 1);
    const segment = path.slice(at + 1, end < 0 ? path.length : end);
    if (segment === "." || segment === "..") return "its path has a dot segment";
  }
  return undefined;
}

function hexPair(text: string, index: number): number {
  const high = hexDigit(text.charCodeAt(index));
  const low = hexDigit(text.charCodeAt(index + 1));
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/** -1 for anything else, NaN of a missing character included. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function printable(code: number): string {
  return code > 0x20 && code < 0x7f ? JSON.stringify(String.fromCharCode(code)) : `0x${code.toString(16)}`;
}
