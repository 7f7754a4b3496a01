import { describe, expect, it } from "vitest";
import { assertFileNames, compareFileNames } from "./file-name.ts";

describe("file names of a model", () => {
  it.each([
    "",
    "..",
    "a/../b",
    "./a",
    "/etc/passwd",
    "a//b",
    "a/",
    "a\0b",
    "a\nb",
    "C:/x",
    "a:b",
    "a\\b",
    "\ud800",
    "a.",
    "a /b",
    "NUL.txt",
    "x".repeat(513),
  ])("refuses %j", (name) => {
    expect(() => assertFileNames([name])).toThrow(expect.objectContaining({ code: "FILE_NAME_INVALID" }));
  });

  it.each([
    [["Model.onnx", "model.onnx"]],
    [["stra\u00dfe", "STRASSE"]],
    [["caf\u00e9", "cafe\u0301"]],
    [["a", "a/b"]],
    [["A/x", "a/y"]],
    [["a", "A/b"]],
    [[]],
  ])("refuses %j together", (names) => {
    expect(() => assertFileNames(names)).toThrow(expect.objectContaining({ code: "FILE_NAME_INVALID" }));
  });

  it("keeps ordinary names, in the order of their components", () => {
    const names = ["a.b/c", "a/b", "model.onnx", "\u{ff5e}", "\u{1f600}", "__proto__"];
    assertFileNames(names);
    const order = ["__proto__", "a/b", "a.b/c", "model.onnx", "\u{ff5e}", "\u{1f600}"];
    expect(names.toSorted(compareFileNames)).toEqual(order);
  });
});
