import { expect, test } from "vitest";
import { flightsFile } from "./source.ts";

test("names the source by the digest of its bytes", () => {
  const { path, digest } = flightsFile();
  expect(path).toMatch(/flights-3m\.parquet$/);
  expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
});

test("says what to do when the source is not there", () => {
  expect(() => flightsFile([import.meta.dirname])).toThrow(
    expect.objectContaining({ code: "SOURCE_MISSING", message: expect.stringContaining("npm install") }),
  );
});
