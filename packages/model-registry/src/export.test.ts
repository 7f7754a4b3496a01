import { generateKeyPairSync } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryObjectStore } from "@ashlar/core/memory";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  createModelRegistry,
  exportModel,
  type LoadedModel,
  type ModelRegistry,
  objectStoreArtifacts,
  sqlite,
} from "./index.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const { privateKey: key } = generateKeyPairSync("ec", { namedCurve: "P-256" });

describe("exportModel", () => {
  let folder: string;
  let objects: ReturnType<typeof memoryObjectStore>;
  let registry: ModelRegistry;
  let model: LoadedModel;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "ashlar-export-"));
    objects = memoryObjectStore();
    const artifacts = objectStoreArtifacts(objects);
    registry = createModelRegistry({ database: sqlite({ path: ":memory:" }), artifacts, signing: { key } });
    await registry.register("delay", { files: { "a.bin": bytes("a"), "d/b.bin": bytes("b") }, author: "ada" });
    model = await registry.load("delay/1");
  });
  afterEach(async () => {
    await registry[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  it("writes the files and the signature to a folder that is new, or empty", async () => {
    mkdirSync(join(folder, "empty"));
    for (const target of [join(folder, "empty"), join(folder, "deep", "new")]) {
      await exportModel(model, target);
      expect(readdirSync(target).toSorted()).toEqual(["a.bin", "d", "model.sig"]);
      expect(readFileSync(join(target, "d", "b.bin"), "utf8")).toBe("b");
      expect(new Uint8Array(readFileSync(join(target, "model.sig")))).toEqual(await model.signature());
    }
    expect(readdirSync(folder).toSorted()).toEqual(["deep", "empty"]);
  });

  it("writes no signature where there is none", async () => {
    const artifacts = objectStoreArtifacts(objects);
    await using plain = createModelRegistry({ database: sqlite({ path: ":memory:" }), artifacts });
    await plain.register("delay", { files: { w: bytes("w") }, author: "ada" });
    await exportModel(await plain.load("delay/1"), join(folder, "plain"));
    expect(readdirSync(join(folder, "plain"))).toEqual(["w"]);
  });

  it("refuses a folder with something in it, a file and a link, and leaves them as they are", async () => {
    writeFileSync(join(folder, "file"), "mine");
    mkdirSync(join(folder, "behind"));
    symlinkSync(join(folder, "behind"), join(folder, "link"));
    for (const target of [folder, join(folder, "file"), join(folder, "link")]) {
      await expect(exportModel(model, target)).rejects.toMatchObject({ code: "FOLDER_NOT_EMPTY", status: 409 });
    }
    expect(readFileSync(join(folder, "file"), "utf8")).toBe("mine");
    expect(readdirSync(join(folder, "behind"))).toEqual([]);
    expect(readdirSync(folder).toSorted()).toEqual(["behind", "file", "link"]);
  });

  it("lets one of two exports to the same folder win, whole", async () => {
    const target = join(folder, "both");
    const outcomes = await Promise.allSettled([exportModel(model, target), exportModel(model, target)]);
    const refused = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
    expect(refused).toMatchObject([{ code: "FOLDER_NOT_EMPTY" }]);
    expect(readdirSync(target).toSorted()).toEqual(["a.bin", "d", "model.sig"]);
    expect(readdirSync(folder)).toEqual(["both"]);
  });

  it.for(["../evil", "/evil", "a/../../evil", "A.BIN", "MODEL.sig", "con"])(
    "refuses the name %s, wherever it comes from",
    async (name) => {
      const files = [...model.version.files, { name, digest: `sha256:${"0".repeat(64)}`, size: 1 }];
      const hostile: LoadedModel = { ...model, version: { ...model.version, files } };
      const target = join(folder, "out");
      await expect(exportModel(hostile, target)).rejects.toMatchObject({ code: "FILE_NAME_INVALID" });
      expect(existsSync(target)).toBe(false);
    },
  );

  it("leaves nothing when the bytes are wrong", async () => {
    const digest = model.version.files[1]?.digest ?? "";
    await objects.put(`blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}`, bytes("c"));
    await expect(exportModel(model, join(folder, "out"))).rejects.toMatchObject({ code: "ARTIFACT_CORRUPT" });
    expect(readdirSync(folder)).toEqual([]);
  });
});
