import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalTarget } from "./canonical-path.ts";

const path = (target: string): string | undefined => {
  const result = canonicalTarget(target);
  return "problem" in result ? undefined : result.path;
};

describe("canonicalTarget", () => {
  it.each([
    ["/", "/"],
    ["/a/b", "/a/b"],
    ["/a/", "/a/"],
    ["/%61dmin", "/admin"],
    ["/%7euser", "/~user"],
    ["/caf%c3%a9", "/caf%C3%A9"],
    ["/a%20b", "/a%20b"],
    ["/100%25", "/100%25"],
    ["/a%3bb", "/a%3Bb"],
    ["/.well-known/x", "/.well-known/x"],
    ["/a/...", "/a/..."],
    ["/models:predict", "/models:predict"],
  ])("spells %s as %s", (target, expected) => {
    expect(path(target)).toBe(expected);
  });

  it.each([
    "",
    "a",
    "*",
    "//",
    "/a//b",
    "//host/a",
    "/.",
    "/..",
    "/a/./b",
    "/a/../b",
    "/a/..",
    "/%2e%2e/admin",
    "/a/%2E",
    "/.%2e/admin",
    "/a%2fb",
    "/a%2Fb",
    "/a%5cb",
    "/a\\b",
    "/a\\..\\admin",
    "/a%00",
    "/a%0d%0aX:1",
    "/a%7f",
    "/a%252fb",
    "/%252e%252e/",
    "/%25%32e",
    "/%25%300",
    "/a;b",
    "/a;/b",
    "/..;/admin",
    "/a#b",
    "/a?b#c",
    "/a b",
    "/a\tb",
    "/%",
    "/%4",
    "/%zz",
    "/%c0%ae%c0%ae/",
    "/%c0%af",
    "/%e0%80%af",
    "/%ed%a0%80",
    "/%c3",
    "/%c2%85",
    "/caf\u00e9",
    "/a\u0100",
    "/a?%",
    "/a?b=\u0000",
    "/<a>",
    '/"',
  ])("refuses %j", (target) => {
    expect(canonicalTarget(target)).toHaveProperty("problem");
  });

  it("keeps a query as it was sent", () => {
    expect(canonicalTarget("/a?b=%2e%2f&c[]=1;d|{}")).toEqual({ path: "/a", query: "?b=%2e%2f&c[]=1;d|{}" });
    expect(canonicalTarget("/a?")).toEqual({ path: "/a", query: "?" });
  });

  const piece = fc.oneof(
    fc.constantFrom("/", ".", "..", "%", "%2e", "%2F", "%5c", "%25", ";", "#", "?", "\\", "admin", "%c3%a9", "%c0%ae"),
    fc.string({ maxLength: 3 }),
    fc.integer({ min: 0, max: 255 }).map((byte) => `%${byte.toString(16).padStart(2, "0")}`),
  );
  const hostile = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join("")}`);

  it("answers with one spelling that no further reading changes", () => {
    fc.assert(
      fc.property(hostile, (target) => {
        const once = canonicalTarget(target);
        if ("problem" in once) return;
        expect(canonicalTarget(once.path + once.query)).toEqual(once);
        expect(once.path).toMatch(/^\/(?:[A-Za-z0-9\-._~!$&'()*+,=:@/]|%[0-9A-F]{2})*$/);
        // What the URL standard, which repairs dot segments and backslashes, makes of it is the same path.
        expect(new URL(`http://a${once.path}${once.query}`).pathname).toBe(once.path);
      }),
      { numRuns: 3000 },
    );
  });

  it("never lets a decoded form hide a separator, a dot segment or a control character", () => {
    fc.assert(
      fc.property(hostile, (target) => {
        const once = canonicalTarget(target);
        if ("problem" in once) return;
        const segments = once.path.split("/").map((segment) => decodeURIComponent(segment));
        for (const segment of segments) {
          expect(segment).not.toMatch(/[/\\\p{Cc}]/u);
          expect([".", ".."]).not.toContain(segment);
        }
        expect(segments.slice(1, -1)).not.toContain("");
      }),
      { numRuns: 3000 },
    );
  });

  it("reads the longest hostile target once", () => {
    expect(canonicalTarget(`/${"%25".repeat(100_000)}`)).toHaveProperty("path");
    expect(canonicalTarget(`/${"/.".repeat(100_000)}`)).toHaveProperty("problem");
    expect(canonicalTarget(`/a${"/.a".repeat(100_000)}`)).toHaveProperty("path");
  });
});
