import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDataDirectory } from "./data-directory.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "ashlar-directory-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const open = (path: string, fresh = false) => openDataDirectory(path, { fresh });

test("makes a new directory with its version, and opens it again", () => {
  const path = join(folder, "a", "b");
  expect(open(path).file("keys", "x.pem")).toBe(join(path, "keys", "x.pem"));
  expect(JSON.parse(readFileSync(join(path, "ashlar.json"), "utf8"))).toEqual({ layoutVersion: 1 });
  writeFileSync(join(path, "kept"), "");
  open(path);
  expect(existsSync(join(path, "kept"))).toBe(true);
});

test("takes an empty directory that is there", () => {
  open(folder);
  expect(readdirSync(folder)).toEqual(["ashlar.json"]);
});

test("removes what was there when asked to start fresh", () => {
  open(folder);
  writeFileSync(join(folder, "old"), "");
  open(folder, true);
  expect(readdirSync(folder)).toEqual(["ashlar.json"]);
});

test.each([false, true])("leaves a directory of something else alone (fresh: %s)", (fresh) => {
  writeFileSync(join(folder, "thesis.tex"), "years of work");
  expect(() => open(folder, fresh)).toThrow(expect.objectContaining({ code: "DATA_DIRECTORY_UNUSABLE" }));
  expect(readdirSync(folder)).toEqual(["thesis.tex"]);
});

test.each([false, true])("leaves a directory of a newer version alone (fresh: %s)", (fresh) => {
  writeFileSync(join(folder, "ashlar.json"), '{"layoutVersion":2}');
  expect(() => open(folder, fresh)).toThrow(
    expect.objectContaining({ code: "DATA_DIRECTORY_TOO_NEW", details: { path: folder, found: 2, known: 1 } }),
  );
  expect(readdirSync(folder)).toEqual(["ashlar.json"]);
});

test.each(["{", '{"layoutVersion":"1"}', "{}", "null"])("names a marker that cannot be read: %s", (text) => {
  writeFileSync(join(folder, "ashlar.json"), text);
  expect(() => open(folder)).toThrow(expect.objectContaining({ code: "DATA_DIRECTORY_UNUSABLE" }));
});

test("names a path that cannot be a directory", () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  for (const path of [file, join(file, "below")]) {
    expect(() => open(path)).toThrow(expect.objectContaining({ code: "DATA_DIRECTORY_UNUSABLE" }));
  }
  expect(readFileSync(file, "utf8")).toBe("");
});
