import { isAshlarError } from "@ashlar/core";
import { describe, expect, it } from "vitest";
import { compilePath } from "./path-pattern.ts";

describe("compilePath", () => {
  it.each([
    ["/health", "/health", {}],
    ["/health", "/health/", undefined],
    ["/v2/**", "/v2", {}],
    ["/v2/**", "/v2/", {}],
    ["/v2/**", "/v2/a/b", {}],
    ["/v2/**", "/v20", undefined],
    ["/**", "/", {}],
    ["/**", "/a/b", {}],
    ["/", "/", {}],
    ["/", "/a", undefined],
    ["/a/*/c", "/a/b/c", {}],
    ["/a/*/c", "/a//c", undefined],
    ["/a/*/c", "/a/b/d", undefined],
    ["/models/:model/infer", "/models/delay/infer", { model: "delay" }],
    ["/models/:model/infer", "/models/caf%C3%A9/infer", { model: "café" }],
    ["/models/:model/**", "/models/delay/versions/3", { model: "delay" }],
    ["/models/:model/**", "/models", undefined],
    ["/t/:a/:b", "/t/1/2", { a: "1", b: "2" }],
  ])("%s takes %s as %j", (pattern, path, expected) => {
    expect(compilePath(pattern)(path)).toEqual(expected);
  });

  it.each(["v2", "", "/a*", "/**/b", "/:", "/:1", "/:a/:a", "/a//b", "/a/../b", "/%61", "/a?b", "/a;b"])(
    "refuses the pattern %j",
    (pattern) => {
      expect(() => compilePath(pattern)).toThrow(expect.toSatisfy((error) => isAshlarError(error, "ROUTE_INVALID")));
    },
  );
});
