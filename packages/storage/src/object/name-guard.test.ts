import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { foldName } from "../fold-name.ts";
import { fileSystem } from "./file-system.ts";
import { type NameFiles, NameGuard } from "./name-guard.ts";

/** A file system in memory that looks names up by `fold`, and gives them back by `keep`. */
function namesIn(fold: (name: string) => string, keep: (name: string) => string = (name) => name): NameFiles {
  const paths = new Map<string, string>();
  const split = (path: string): string[] => path.split("/").filter((part) => part !== "");
  const key = (parts: readonly string[]): string => parts.map(fold).join("/");
  return {
    exists: (path) => paths.has(key(split(path))),
    names(folder) {
      const above = key(split(folder));
      const under = [...paths].filter(([path]) => path.slice(0, Math.max(0, path.lastIndexOf("/"))) === above);
      return under.map(([, name]) => name);
    },
    touch(path) {
      const parts = split(path);
      for (const [index, name] of parts.entries()) {
        const at = key(parts.slice(0, index + 1));
        if (!paths.has(at)) paths.set(at, keep(name));
      }
    },
    remove(path) {
      const at = key(split(path));
      for (const known of paths.keys()) if (known === at || known.startsWith(`${at}/`)) paths.delete(known);
    },
  };
}

const exact = (name: string): string => name;
const composed = (name: string): string => name.normalize("NFC");
const decomposed = (name: string): string => name.normalize("NFD");

function guarded(files: NameFiles): { readonly guard: NameGuard; put(key: string): void } {
  const guard = new NameGuard("/r", "/r/.ashlar/names", files);
  guard.probe();
  return {
    guard,
    put(key) {
      guard.assertOwn(key, key);
      files.touch(`/r/${key}`);
    },
  };
}

const conflict = (part: string): Error =>
  expect.objectContaining({ code: "OBJECT_KEY_CONFLICT", message: expect.stringContaining(part) as string }) as Error;

describe("names on a file system", () => {
  it("that tells all of them apart are not looked at", () => {
    const { guard, put } = guarded(namesIn(exact));
    expect(guard.isExact).toBe(true);
    for (const key of ["a", "A", "\u00e9", "e\u0301", "T/x", "t/x"]) put(key);
  });

  it("that folds letter case and Unicode forms are refused where they would be others", () => {
    const { guard, put } = guarded(namesIn(foldName));
    expect(guard.isExact).toBe(false);
    put("t/month=May/x.parquet");
    put("t/caf\u00e9");
    expect(() => put("t/month=may/x.parquet")).toThrow(conflict('does not tell it from "t/month=May"'));
    expect(() => put("T/y")).toThrow(conflict('"t"'));
    expect(() => put("t/cafe\u0301")).toThrow(conflict('"t/caf\u00e9"'));
    expect(() => put("t/CAF\u00c9")).toThrow(conflict('"t/caf\u00e9"'));
    put("t/month=May/y.parquet");
    put("t/month=May/x.parquet");
    expect(guard.isOwn("t/month=May/y.parquet")).toBe(true);
    expect(guard.isOwn("t/month=MAY/y.parquet")).toBe(false);
    expect(guard.isOwn("t/month=May/z.parquet")).toBe(false);
  });

  it("that merely composes them, or gives them back decomposed, are refused where they would change", () => {
    const composing = guarded(namesIn(composed));
    composing.put("caf\u00e9");
    composing.put("CAF\u00c9");
    expect(() => composing.put("cafe\u0301")).toThrow(conflict('"caf\u00e9"'));
    const decomposing = guarded(namesIn(composed, decomposed));
    decomposing.put("plain/cafe\u0301");
    expect(() => decomposing.put("plain/caf\u00e9")).toThrow(conflict("does not tell it from"));
    expect(() => decomposing.put("new/caf\u00e9")).toThrow(conflict('back as "cafe\u0301"'));
  });

  it("are what a writer found out, for those who only read", () => {
    const files = namesIn(foldName);
    const reader = new NameGuard("/r", "/r/.ashlar/names", files);
    expect(reader.isExact).toBe(true);
    guarded(files).put("a");
    expect(reader.isExact).toBe(false);
    expect(reader.isOwn("A")).toBe(false);
  });

  it("are, whatever is put, either kept as they were given or refused", () => {
    const segment = fc
      .stringMatching(/^[aAbB\u00e9\u00c9\u212a\u017f\u1e9e]{1,3}$/u)
      .map((name) => name.normalize(name.length === 2 ? "NFD" : "NFC"));
    const keys = fc.array(
      fc.tuple(segment, segment).map((parts) => parts.join("/")),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(keys, fc.constantFrom(foldName, composed, decomposed, exact), (given, fold) => {
        const files = namesIn(fold);
        const { guard, put } = guarded(files);
        const kept = new Set<string>();
        // A key is refused for another that is there.
        const reasonless: string[] = [];
        for (const key of given) {
          try {
            put(key);
            kept.add(key);
          } catch {
            if (![...kept].some((other) => other !== key)) reasonless.push(key);
          }
        }
        expect(reasonless).toEqual([]);
        const mistaken = given.filter((key) => !guard.isExact && guard.isOwn(key) !== kept.has(key));
        expect(mistaken).toEqual([]);
        const folds = [...kept].map((key) => key.split("/").map(fold).join("/"));
        expect(new Set(folds).size).toBe(kept.size);
      }),
    );
  });
});

describe("a store on the file system of this machine", () => {
  it("finds out by its first write, in its own folder", async () => {
    const root = await mkdtemp(join(tmpdir(), "ashlar-names-"));
    try {
      const store = fileSystem({ root });
      await store.put("k", new Uint8Array(1));
      expect(await readdir(join(root, ".ashlar", "names"))).toHaveLength(1);
      const keys: string[] = [];
      for await (const { key } of store.list("")) keys.push(key);
      expect(keys).toEqual(["k"]);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});
