import { deadlineHeader } from "../resilience/deadline.ts";

/** Names the verified caller to upstreams. Whatever a client sends under this name is removed. */
export const principalHeader = "x-ashlar-principal";

/** Fields that concern one connection only (RFC 9110 section 7.6.1, and the historical ones). */
const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "expect",
]);

/** Fields meant for every recipient. A `Connection` that names one tries to make the gateway drop it. */
const endToEnd: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "content-type",
  "content-encoding",
  "transfer-encoding",
  "authorization",
  "cookie",
  "cache-control",
  "origin",
]);

const identity: ReadonlySet<string> = new Set([
  "forwarded",
  "x-real-ip",
  "x-client-ip",
  "true-client-ip",
  "x-original-url",
  "x-rewrite-url",
  deadlineHeader,
]);

export function isHopByHop(name: string): boolean {
  return hopByHop.has(name);
}

export function isEndToEnd(name: string): boolean {
  return endToEnd.has(name);
}

/** Some servers read `_` and `-` as one (CGI does), so both spellings claim the same. @param name in lower case */
export function claimsIdentity(name: string, more: ReadonlySet<string>): boolean {
  const spelling = name.includes("_") ? name.replaceAll("_", "-") : name;
  if (identity.has(spelling) || more.has(spelling)) return true;
  return spelling.startsWith("x-") && (spelling.startsWith("x-forwarded-") || spelling.startsWith("x-ashlar-"));
}

/** The tokens of a `Connection` field, in lower case. */
export function connectionTokens(value: string): string[] {
  return value
    .toLowerCase()
    .split(",")
    .map((token) => token.trim())
    .filter((token) => token !== "");
}

/** Any text as a field value: what is not visible ASCII is percent-encoded as UTF-8. */
export function headerValue(text: string): string {
  return text.replaceAll(/[^\x21-\x24\x26-\x7e]+/gu, (part) =>
    Array.from(new TextEncoder().encode(part), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join(
      "",
    ),
  );
}
