import { existsSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { flightsFile } from "./source.ts";

vi.mock("node:fs", { spy: true });

test("names the source by the digest of its bytes", () => {
  const { path, digest } = flightsFile();
  expect(path).toMatch(/flights-3m\.parquet$/);
  expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
});

test("says what to do when the source is not there", () => {
  vi.mocked(existsSync).mockReturnValue(false);
  expect(() => flightsFile()).toThrow(
    expect.objectContaining({ code: "SOURCE_MISSING", message: expect.stringContaining("npm install") }),
  );
});
