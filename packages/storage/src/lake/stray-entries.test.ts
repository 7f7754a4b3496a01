import { expect, it } from "vitest";
import { countStrays } from "./stray-entries.ts";

const entries = (...versions: readonly number[]): { version: number; modified: number; etag: string }[] =>
  versions.map((version) => ({ version, modified: version, etag: "" }));
const late = (version: number): { version: number; modified: number; etag: string } => ({
  version,
  modified: 99,
  etag: "",
});
const checkpoints = (...versions: readonly number[]): { version: number; keys: string[] }[] =>
  versions.map((version) => ({ version, keys: [] }));

it.each([
  ["a whole log", entries(0, 1, 2), [], 0],
  ["a log that was cleaned up", entries(9, 10, 11), [10], 0],
  ["one entry before a hole", entries(3, 10, 11), [10], 1],
  ["several, and holes between them", entries(3, 4, 6, 10, 11), [10], 3],
  ["a hole that no checkpoint lies beyond", entries(3, 10, 11), [], 0],
  ["a hole within a log that can be read before it", entries(10, 11, 20, 21), [10, 20], 0],
  ["an entry that was lost", entries(0, 2, 3, 10), [10], 0],
  ["the first entry, come last", [late(0), ...entries(10, 11)], [10], 1],
  ["nothing", [], [10], 0],
] as const)("%s", (_, commits, versions, strays) => {
  expect(countStrays(commits, checkpoints(...versions))).toBe(strays);
});
