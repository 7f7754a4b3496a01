import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { type ModelPlace, modelPlaces } from "../../test/model-places.ts";
import { addOne, scale } from "../../test/onnx-models.ts";
import {
  createInferenceServer,
  directoryModels,
  type InferenceServer,
  type ModelRepository,
  openModelRepository,
  registeredModels,
} from "../infer/index.ts";

let server: InferenceServer;
let folder: string;
beforeEach(async () => {
  server = createInferenceServer({ execution: "inline" });
  folder = await mkdtemp(join(tmpdir(), "ashlar-models-"));
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const ask = async (name: string, version?: string): Promise<unknown> => {
  const answer = await server.infer(name, Float32Array.of(1, 1), version === undefined ? {} : { version });
  return Object.values(answer)[0]?.data[0];
};
const versions = () => server.models().map(({ name, version, primary }) => `${name}/${version}${primary ? "*" : ""}`);

describe.each(["directory", "object store"] as const)("a repository in a %s", (kind) => {
  let place: ModelPlace;
  let repository: ModelRepository;
  beforeEach(() => {
    place = modelPlaces[kind](folder);
    repository = openModelRepository(server, place.source);
  });

  test("settings that are taken out of the file have their defaults again", async () => {
    const hits = () => server.statistics()["scale"]?.cacheHits;
    await place.put("scale/1/model.onnx", scale(1));
    await place.put("scale/settings.json", JSON.stringify({ responseCache: { maxBytes: 1000 } }));
    await repository.refresh();
    expect([await ask("scale"), await ask("scale"), hits()]).toEqual([1, 1, 1]);
    await place.put("scale/settings.json", "{}");
    expect(await repository.refresh()).toEqual([]);
    expect([await ask("scale"), await ask("scale"), hits()]).toEqual([1, 1, 1]);
  });

  test("serves versions by policy, and follows what is added, changed and removed", async () => {
    await place.put("scale/1/model.onnx", scale(1));
    await place.put("scale/2/model.onnx", scale(2));
    await place.put("scale/10/model.onnx", scale(10));
    await place.put("scale/notes/model.onnx", scale(99));
    await place.put("scale/readme.txt", "not a model");
    expect(await repository.refresh()).toEqual([]);
    expect([versions(), await ask("scale")]).toEqual([["scale/10*"], 10]);

    await place.put("scale/settings.json", JSON.stringify({ versionPolicy: { latest: 2 } }));
    await repository.refresh();
    expect([versions(), await ask("scale", "2")]).toEqual([["scale/10*", "scale/2"], 2]);

    await place.put("scale/11/model.onnx", scale(11));
    await place.remove("scale/10/model.onnx");
    await place.put("scale/2/model.onnx", scale(2.5));
    await repository.refresh();
    expect([versions(), await ask("scale"), await ask("scale", "2")]).toEqual([["scale/11*", "scale/2"], 11, 2.5]);

    await place.put("scale/settings.json", JSON.stringify({ versionPolicy: { specific: ["1"] } }));
    await repository.refresh();
    expect([versions(), await ask("scale")]).toEqual([["scale/1*"], 1]);

    for (const file of ["1/model.onnx", "2/model.onnx", "11/model.onnx", "settings.json", "notes/model.onnx"]) {
      await place.remove(`scale/${file}`);
    }
    expect([await repository.refresh(), versions()]).toEqual([[], []]);
  });

  test("what changes of older versions never makes them the present one", async () => {
    await place.put("scale/settings.json", JSON.stringify({ versionPolicy: "all" }));
    for (const version of [1, 2]) await place.put(`scale/${version}/model.onnx`, scale(version));
    await repository.refresh();
    await place.put("scale/1/model.onnx", scale(1.5));
    await place.put("scale/settings.json", JSON.stringify({ versionPolicy: "all", weight: 2 }));
    const seen = new Set<unknown>();
    const done = new AbortController();
    const refreshed = repository.refresh().finally(() => done.abort());
    for (let request = 0; !done.signal.aborted && request < 1e6; request++) seen.add(await ask("scale"));
    expect(await refreshed).toEqual([]);
    expect([...seen]).toEqual([2]);
    expect([versions().toSorted(), await ask("scale", "1")]).toEqual([["scale/1", "scale/2*"], 1.5]);
  });

  test("a corrupt model, or settings that are wrong, do not hold up the others", async () => {
    await place.put("bad/1/model.onnx", Uint8Array.of(1, 2, 3));
    await place.put("good/1/model.onnx", scale(3));
    await place.put("odd/1/model.onnx", scale(3));
    await place.put("odd/settings.json", JSON.stringify({ batching: { maxBatchRows: 0 } }));
    await place.put("torn/1/model.onnx", scale(3));
    await place.put("torn/settings.json", "{");
    const failures = await repository.refresh();
    expect(failures.map(({ name }) => name)).toEqual(["bad", "odd", "torn"]);
    expect(failures[2]?.error).toMatchObject({ code: "MODEL_INVALID", status: 400 });
    expect(failures[2]?.error.message).toContain('"torn" cannot be loaded: its settings could not be read');
    expect([versions(), await ask("good")]).toEqual([["good/1*"], 3]);
    const index = await repository.index();
    expect(index.map(({ name, state }) => [name, state])).toEqual([
      ["bad", "UNAVAILABLE"],
      ["good", "READY"],
      ["odd", "UNAVAILABLE"],
      ["torn", "UNAVAILABLE"],
    ]);
    expect(index[2]?.reason).toContain("batching.maxBatchRows");
    await place.put("bad/1/model.onnx", scale(7));
    await repository.refresh();
    expect(await ask("bad")).toBe(7);
  });

  test("a change that does not load leaves what is served", async () => {
    await place.put("scale/1/model.onnx", scale(1));
    await repository.refresh();
    await place.put("scale/2/model.onnx", Uint8Array.of(9));
    expect((await repository.refresh()).length).toBe(1);
    expect([versions(), await ask("scale")]).toEqual([["scale/1*"], 1]);
  });

  test("an ensemble is loaded after its models, and unloaded with them if asked to", async () => {
    const steps = [
      { model: "scale", inputs: { x: "x" }, outputs: { y: "scaled" } },
      { model: "zadd", inputs: { x: "scaled" }, outputs: { y: "z" } },
    ];
    await place.put("both/settings.json", JSON.stringify({ ensemble: { inputs: ["x"], outputs: ["z"], steps } }));
    await place.put("scale/1/model.onnx", scale(5));
    await place.put("zadd/1/model.onnx", addOne());
    expect(await repository.refresh()).toEqual([]);
    expect(await ask("both")).toBe(6);
    await repository.unload("both", { dependents: true });
    expect([versions(), await repository.refresh(), versions()]).toEqual([[], [], []]);
    await repository.load("scale", { versionPolicy: "all" });
    expect(versions()).toEqual(["scale/1*"]);
    await expect(repository.load("absent")).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
    await expect(repository.unload("both")).rejects.toMatchObject({ code: "MODEL_NOT_FOUND" });
  });
});

describe("a directory on a disk", () => {
  test("links are followed, what is no folder is passed over, and what cannot be read is not taken for gone", async () => {
    const place = (path: string) => join(folder, path);
    await mkdir(place("kept/1"), { recursive: true });
    await writeFile(place("kept/1/model.onnx"), scale(2));
    await mkdir(place("elsewhere"));
    await writeFile(place("elsewhere/model.onnx"), scale(3));
    await mkdir(place("linked"));
    await symlink(place("elsewhere"), place("linked/1"));
    await symlink(place("absent"), place("dangling"));
    await symlink(place("elsewhere/model.onnx"), place("file"));
    const repository = openModelRepository(server, directoryModels(folder));
    expect(await repository.refresh()).toEqual([]);
    expect([versions(), await ask("linked")]).toEqual([["kept/1*", "linked/1*"], 3]);

    await rm(place("kept/1/model.onnx"));
    await symlink("model.onnx", place("kept/1/model.onnx"));
    await writeFile(place("elsewhere/model.onnx"), scale(4));
    expect(await repository.refresh()).toMatchObject([{ name: "kept", error: { code: "MODEL_INVALID" } }]);
    expect([await ask("kept"), await ask("linked")]).toEqual([2, 4]);
    await rm(place("kept/1/model.onnx"));
    expect([await repository.refresh(), versions()]).toEqual([[], ["linked/1*"]]);
  });
});

describe("models of a registry", () => {
  test("are served by alias, held to a digest, and follow the alias when it moves", async () => {
    const registered = [scale(1), scale(2)].map((onnx, index) => ({
      version: { number: index + 1, digest: `sha256:${index + 1}`, files: [{ name: "m.onnx" }, { name: "card.md" }] },
      file: () => ({ bytes: async () => onnx }),
    }));
    let champion = 0;
    const registry = {
      async load(reference: string) {
        const found = reference === "scale@champion" ? registered[champion] : registered[Number(reference.at(-1)) - 1];
        if (found === undefined) throw new Error(`no ${reference}`);
        return found;
      },
    };
    const repository = openModelRepository(
      server,
      registeredModels(registry, { scale: "scale@champion", fixed: { reference: "scale/2", digest: "sha256:2" } }),
    );
    expect(await repository.refresh()).toEqual([]);
    expect([await ask("scale"), await ask("fixed"), versions()]).toEqual([1, 2, ["scale/1*", "fixed/2*"]]);
    champion = 1;
    await repository.refresh();
    expect([await ask("scale"), versions()]).toEqual([2, ["fixed/2*", "scale/2*"].toSorted().toReversed()]);
    // The alias moves between the list and the file.
    const moving = registeredModels(registry, { moving: "scale@champion" });
    await moving.list();
    await expect(moving.read("moving", "1")).rejects.toMatchObject({ code: "MODEL_INVALID" });
    const wrong = openModelRepository(
      server,
      registeredModels(registry, { other: { reference: "scale/1", digest: "sha256:2" } }),
    );
    expect(await wrong.refresh()).toMatchObject([{ name: "other", error: { code: "MODEL_INVALID" } }]);
    const missing = openModelRepository(
      server,
      registeredModels(registry, { other: { reference: "scale/1", file: "absent.onnx" } }),
    );
    expect((await missing.refresh())[0]?.error.message).toContain("card.md");
  });
});
