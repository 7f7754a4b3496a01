import { toStream } from "@ashlar/core";
import { manualClock, memoryObjectStore } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import { joined, message, number, smallOnnx, text } from "../../test/onnx-writer.ts";
import { type ArtifactStore, createModelRegistry, type ModelRegistry, objectStoreArtifacts, sqlite } from "../index.ts";

const bytes = (content: string): Uint8Array => new TextEncoder().encode(content);
const request = { files: { "w.bin": bytes("weights") }, author: "ada" };

function registryOver(artifacts: ArtifactStore): ModelRegistry {
  return createModelRegistry({ database: sqlite({ path: ":memory:" }), artifacts, clock: manualClock(1000) });
}

describe("register", () => {
  it("keeps what it was given, and counts from 1", async () => {
    await using registry = registryOver(objectStoreArtifacts(memoryObjectStore()));
    const version = await registry.register("delay", {
      files: { "m.onnx": toStream(smallOnnx()), "a/b": bytes("x") },
      metrics: { auc: 0.757 },
      params: { depth: 6, shuffle: true },
      tags: { team: "blue" },
      inputs: { trainingSet: "sha256:abc", baseModel: { kind: "model", id: "other/2" } },
      author: "ada",
    });
    expect(version).toMatchObject({
      number: 1,
      created: true,
      metrics: { auc: 0.757 },
      params: { depth: "6", shuffle: "true" },
      tags: { team: "blue" },
      inputs: { baseModel: ["model:other/2"], trainingSet: ["trainingSet:sha256:abc"] },
      createdAt: 1000,
    });
    expect(version.files.map(({ name, onnx }) => [name, onnx?.opsets])).toEqual([
      ["a/b", undefined],
      ["m.onnx", { "ai.onnx": 17 }],
    ]);
    const { created, ...kept } = version;
    expect(await registry.get("delay/1")).toEqual(kept);
    expect(created).toBe(true);
    expect(await registry.lineage("model:delay/1")).toMatchObject({ edges: [{ relation: "baseModel" }, {}] });
  });

  it("gives equal files one digest, and reuses a version when asked to", async () => {
    await using registry = registryOver(objectStoreArtifacts(memoryObjectStore()));
    const first = await registry.register("delay", { ...request, inputs: { trainingSet: "1" } });
    const again = await registry.register("delay", { ...request, inputs: { trainingSet: "1" } });
    expect([again.digest, again.number]).toEqual([first.digest, 2]);
    const reuse = { ...request, ifUnchanged: "reuse" } as const;
    const same = await registry.register("delay", { ...reuse, inputs: { trainingSet: "1" } });
    expect(same).toMatchObject({ number: 2, created: false });
    expect(await registry.register("delay", { ...reuse, inputs: { trainingSet: "2" } })).toMatchObject({ number: 3 });
  });

  it("holds an idempotency key to its first request", async () => {
    await using registry = registryOver(objectStoreArtifacts(memoryObjectStore()));
    const keyed = { ...request, idempotencyKey: "k" };
    expect(await registry.register("delay", keyed)).toMatchObject({ number: 1, created: true });
    expect(await registry.register("delay", keyed)).toMatchObject({ number: 1, created: false });
    const other = registry.register("delay", { ...keyed, metrics: { auc: 1 } });
    await expect(other).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT", status: 409 });
  });

  it("refuses what is not allowed before anything is stored", async () => {
    const objects = memoryObjectStore();
    await using registry = registryOver(objectStoreArtifacts(objects));
    const weights = message(5, text(8, "w"), message(13, text(1, "location"), text(2, "../w.bin")), number(14, 1));
    const outside = joined(
      smallOnnx().slice(0, 2),
      message(7, weights, message(12, text(1, "y"))),
      message(8, number(2, 17)),
    );
    const bad: [Parameters<ModelRegistry["register"]>, string][] = [
      [["a/b", request], "REQUEST_INVALID"],
      [["delay", { ...request, author: " " }], "REQUEST_INVALID"],
      [["delay", { ...request, metrics: { auc: Number.NaN } }], "REQUEST_INVALID"],
      [["delay", { ...request, tags: { "": "x" } }], "REQUEST_INVALID"],
      [["delay", { ...request, inputs: { "bad kind": "x" } }], "REQUEST_INVALID"],
      [["delay", { ...request, files: { "../w": bytes("x") } }], "FILE_NAME_INVALID"],
      [["delay", { ...request, files: { "m.onnx": bytes("not a model") } }], "ONNX_INVALID"],
      [["delay", { ...request, files: { "m.onnx": outside } }], "ONNX_INVALID"],
    ];
    for (const [args, code] of bad) await expect(registry.register(...args)).rejects.toMatchObject({ code });
    expect((await registry.models()).items).toEqual([]);
    for await (const { key } of objects.list("")) expect.fail(`${key} was stored`);
    const streamed = registry.register("delay", { ...request, files: { "m.onnx": toStream(bytes("no")) } });
    await expect(streamed).rejects.toMatchObject({ code: "ONNX_INVALID", details: { file: "m.onnx" } });
    expect((await registry.models()).items).toEqual([]);
  });

  it("makes no version when the artifact store lies or forgets", async () => {
    const store = objectStoreArtifacts(memoryObjectStore());
    const lying: ArtifactStore = { ...store, putBlob: async () => ({ digest: `sha256:${"0".repeat(64)}`, size: 7 }) };
    const forgetful: ArtifactStore = { ...store, has: async () => false };
    for (const [artifacts, code] of [
      [lying, "ARTIFACT_CORRUPT"],
      [forgetful, "ARTIFACT_MISSING"],
    ] as const) {
      await using registry = registryOver(artifacts);
      await expect(registry.register("delay", request)).rejects.toMatchObject({ code });
      await expect(registry.versions("delay")).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
    }
  });

  it("keeps a deleted number as a tombstone, and refuses to delete what is referred to", async () => {
    await using registry = registryOver(objectStoreArtifacts(memoryObjectStore()));
    for (let i = 0; i < 3; i++) await registry.register("delay", request);
    await registry.promote("delay", { alias: "champion", to: 1, expected: undefined, by: "bob" });
    await registry.register("derived", { ...request, inputs: { baseModel: { kind: "model", id: "delay/2" } } });
    const by = { by: "ada" };
    await expect(registry.deleteVersion("delay", 1, by)).rejects.toMatchObject({
      code: "VERSION_IN_USE",
      details: { references: ['the alias "champion"'] },
    });
    await expect(registry.deleteVersion("delay", 2, by)).rejects.toMatchObject({ code: "VERSION_IN_USE" });
    await expect(registry.deleteModel("delay", by)).rejects.toMatchObject({ code: "MODEL_IN_USE" });
    await registry.deleteVersion("delay", 3, by);
    await expect(registry.get("delay/3")).rejects.toMatchObject({ code: "VERSION_DELETED", status: 410 });
    await expect(registry.get("delay/9")).rejects.toMatchObject({ code: "VERSION_NOT_FOUND" });
    expect((await registry.versions("delay")).items.map(({ number }) => number)).toEqual([2, 1]);
    expect(await registry.model("delay")).toMatchObject({ versionCount: 2, latest: 2, aliases: { champion: 1 } });
    await expect(registry.versions("delay", { cursor: "x" })).rejects.toMatchObject({ code: "INVALID_CURSOR" });
  });
});
