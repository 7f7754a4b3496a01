import { toBytes } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import { createModelRegistry, objectStoreArtifacts, sqlite } from "./index.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("load", () => {
  it("gives the bytes of a version, or refuses them", async () => {
    const objects = memoryObjectStore();
    const artifacts = objectStoreArtifacts(objects);
    await using registry = createModelRegistry({ database: sqlite({ path: ":memory:" }), artifacts });
    const version = await registry.register("delay", { files: { "w.bin": bytes("weights") }, author: "ada" });
    await registry.promote("delay", { alias: "champion", to: 1, expected: undefined, by: "bob" });
    const model = await registry.load("delay@champion");
    expect(new TextDecoder().decode(await model.file("w.bin").bytes())).toBe("weights");
    expect(() => model.file("x")).toThrow(expect.objectContaining({ code: "FILE_NOT_FOUND" }));

    const keyOf = (digest: string): string => `blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}`;
    const blob = keyOf(version.files[0]?.digest ?? "");
    await objects.put(blob, bytes("weightz"));
    await expect(model.file("w.bin").bytes()).rejects.toMatchObject({ code: "ARTIFACT_CORRUPT" });
    await expect(toBytes(await model.file("w.bin").stream())).rejects.toMatchObject({ code: "ARTIFACT_CORRUPT" });
    await registry.register("delay", { files: { "w.bin": bytes("weights") }, author: "ada" });
    expect(new TextDecoder().decode(await model.file("w.bin").bytes())).toBe("weights");

    await objects.put(keyOf(version.digest), bytes("{}"));
    await expect(registry.load("delay/1")).rejects.toMatchObject({ code: "ARTIFACT_CORRUPT" });
    await objects.delete(blob);
    await expect(model.file("w.bin").bytes()).rejects.toMatchObject({ code: "ARTIFACT_MISSING" });
  });

  it("names what is not there, and stops when the registry is closed", async () => {
    const artifacts = objectStoreArtifacts(memoryObjectStore());
    const registry = createModelRegistry({ database: sqlite({ path: ":memory:" }), artifacts });
    await expect(registry.load("delay/1")).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
    await registry.register("delay", { files: { w: bytes("w") }, author: "ada" });
    await expect(registry.load("delay@champion")).rejects.toMatchObject({ code: "ALIAS_NOT_FOUND" });
    for (const reference of ["delay", "delay/0", "delay@latest", "delay/1@x", "a b/1"]) {
      await expect(registry.get(reference)).rejects.toMatchObject({ code: "REQUEST_INVALID" });
    }
    await registry[Symbol.asyncDispose]();
    await expect(registry.get("delay/1")).rejects.toMatchObject({ code: "REGISTRY_CLOSED" });
  });
});
