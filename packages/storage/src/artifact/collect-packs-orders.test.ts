import { isAshlarError, toBytes } from "@ashlar/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { everyOrder, fewSwitches, type Kill, World } from "../../test/explorer.ts";
import { ages, randomOrder, runInOrder } from "../../test/random-order.ts";
import { type Digest, digestOf } from "./digest.ts";
import { type ArtifactStore, createArtifactStore } from "./index.ts";

const grace = 24 * 3_600_000;

/** Just enough bodies for two packs and more, of which one listing tells where they are. */
const many = ((): Uint8Array[] => {
  const found: Uint8Array[] = [];
  for (let n = 10_000; found.length < 66; n++) {
    const body = new TextEncoder().encode(String(n));
    if (digestOf(body).startsWith("sha256:2c")) found.push(body);
  }
  return found;
})();
const digests = many.map(digestOf);
const [rooted, found] = digests.toSpliced(1, 64) as [Digest, Digest];

type Upload = "all" | "blob" | "manifest";

/** How many blobs of a pack are reached: one, which is moved to a place of its own, or enough for another pack. */
type Reached = 1 | 32;

/** Processes around a pack whose first blobs a root reaches from the beginning. */
class Scene {
  readonly world: World = new World();
  readonly published: Set<string> = new Set();
  readonly #bodies: readonly Uint8Array[];
  readonly #reached: readonly Digest[];
  /** The first and the last file of each. */
  readonly #manifests: Map<string, readonly [Digest, Digest]> = new Map();
  readonly #stores: Map<string, ArtifactStore> = new Map();

  constructor(reached: Reached) {
    this.#bodies = reached === 1 ? many.slice(-33).toSpliced(0, 1, many[0] as Uint8Array) : many;
    this.#reached = digests.slice(0, reached);
  }

  async begin(): Promise<void> {
    const store = this.store("first");
    await store.putBlobs(this.#bodies);
    this.published.add(await this.#putManifest(store, this.#reached));
  }

  async #putManifest(store: ArtifactStore, files: readonly Digest[]): Promise<string> {
    const named = files.map((digest, n) => [String(n), { digest, size: 5 }] as const);
    const manifest = await store.putManifest({ files: Object.fromEntries(named) });
    this.#manifests.set(manifest, [files[0] ?? rooted, files.at(-1) ?? rooted]);
    return manifest;
  }

  store(actor: string): ArtifactStore {
    const store =
      this.#stores.get(actor) ?? createArtifactStore({ objects: this.world.storeOf(actor), clock: this.world.clock });
    this.#stores.set(actor, store);
    return store;
  }

  /** Stores what is in the pack again, or names it, and makes it reachable. */
  async upload(actor: string, as: Upload): Promise<void> {
    const store = this.store(actor);
    if (as === "all") await store.putBlobs(this.#bodies);
    if (as === "blob") await store.putBlob(many[65] as Uint8Array);
    const manifest = as === "manifest" ? await this.#manifest(store) : undefined;
    if (as === "manifest" && manifest === undefined) return;
    const roots = manifest === undefined ? [found] : [manifest];
    await this.world.step(actor, "publish", () => roots.forEach((root) => this.published.add(root)));
  }

  /** Undefined when what it names was collected before: nothing reached it, and nothing was promised. */
  async #manifest(store: ArtifactStore): Promise<string | undefined> {
    try {
      return await this.#putManifest(store, [found, rooted]);
    } catch (error) {
      if (isAshlarError(error, "ARTIFACT_NOT_FOUND") && error.details["digest"] === found) return undefined;
      throw error;
    }
  }

  async collect(actor: string): Promise<void> {
    await this.store(actor).collect({ roots: () => this.world.step(actor, "roots", () => [...this.published]) });
  }

  /** What was published and cannot be read, now or after collectors have run on what is left; markers that stay. */
  async losses(): Promise<readonly string[]> {
    this.world.free();
    const losses: string[] = [];
    for (let days = 0; days < 4; days++) {
      for (const root of this.published) if (!(await this.isReadable(root))) losses.push(`${root} after ${days} days`);
      if (losses.length > 0) return [...losses, ...this.world.trace];
      this.world.now += 25 * 3_600_000;
      await this.collect("later");
    }
    for await (const { key } of this.world.storeOf("later").list("condemned/")) losses.push(key);
    return losses;
  }

  async isReadable(root: string): Promise<boolean> {
    const store = createArtifactStore({ objects: this.world.storeOf("reader"), clock: this.world.clock });
    const expected = this.#manifests.get(root) ?? [found];
    try {
      if (this.#manifests.has(root)) await store.getManifest(root);
      // What has another digest fails before its end.
      for (const digest of expected) await toBytes(await store.getBlob(digest));
      return true;
    } catch {
      return false;
    }
  }
}

/** A world in which the pack is stored since some time. */
async function sceneWith(age: number, reached: Reached = 1): Promise<Scene> {
  const scene = new Scene(reached);
  const done = scene.begin();
  await scene.world.run(() => ({ next: 0 }));
  await done;
  scene.world.trace.length = 0;
  scene.world.now += age;
  return scene;
}

describe("in every order of calls with few changes of turn", () => {
  it.each<Upload>(["all", "blob", "manifest"])(
    "an uploader (%s) and a collector that moves a blob out of a pack lose nothing",
    async (as) => {
      const runs = await everyOrder(async (choose) => {
        const scene = await sceneWith(2 * grace);
        const done = Promise.all([scene.upload("uploader", as), scene.collect("collector")]);
        const turn = fewSwitches(choose, 2);
        await scene.world.run((waiting) => ({ next: turn(waiting) }));
        await done;
        expect(await scene.losses()).toEqual([]);
      });
      expect(runs).toBeGreaterThan(100);
    },
    60_000,
  );
});

it.each<Kill>(["before", "after", "under way", "sent twice"])(
  "a collector of packs killed at any call (%s), and then an uploader and a collector, lose nothing",
  async (kill) => {
    let killed = true;
    for (let at = 0; killed && at < 60; at++) {
      killed = false;
      await everyOrder(async (choose) => {
        const scene = await sceneWith(2 * grace, at % 2 === 0 ? 1 : 32);
        let calls = 0;
        void scene.collect("collector");
        await scene.world.run(() => {
          if (scene.world.died("collector")) return undefined;
          return calls++ === at ? { next: 0, kill } : { next: 0 };
        });
        killed ||= scene.world.died("collector");
        const as = (["all", "blob", "manifest"] as const)[at % 3] ?? "all";
        const done = Promise.all([scene.upload("uploader", as), scene.collect("second")]);
        const turn = fewSwitches(choose, 1);
        await scene.world.run((waiting) => ({ next: turn(waiting) }));
        await done;
        expect(await scene.losses()).toEqual([]);
      });
    }
    expect(killed).toBe(false);
  },
  60_000,
);

it("in random orders, two uploaders and two collectors of packs, one of which is killed, lose nothing", async () => {
  const uploads = fc.constantFrom<Upload>("all", "blob", "manifest");
  const reached = fc.constantFrom<Reached>(1, 32);
  const order = randomOrder({ deathBefore: 90 });
  const property = fc.asyncProperty(uploads, uploads, order, ages, reached, async (one, two, order, age, count) => {
    const scene = await sceneWith(age * grace, count);
    const processes = {
      "uploader 1": scene.upload("uploader 1", one),
      "uploader 2": scene.upload("uploader 2", two),
      "collector 1": scene.collect("collector 1"),
      "collector 2": scene.collect("collector 2"),
    };
    await runInOrder(scene.world, order, { minuteMs: 10_000, processes });
    expect(await scene.losses()).toEqual([]);
  });
  await fc.assert(property, { numRuns: 400 });
}, 60_000);
