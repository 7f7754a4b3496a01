import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compiledTexts } from "./wat.ts";

test("the bytes of every WebAssembly text are those of its text", async () => {
  const texts = await compiledTexts();
  expect(texts.size).toBeGreaterThan(0);
  for (const [path, text] of texts) {
    expect(readFileSync(join(import.meta.dirname, "..", path), "utf8"), `${path}: run tooling/wat.ts`).toBe(text);
  }
});
