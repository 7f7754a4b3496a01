import { toBytes } from "@ashlar/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { everyOrder, type Kill, World } from "../../test/explorer.ts";
import { ages, randomOrder, runInOrder } from "../../test/random-order.ts";
import { digestOf } from "./digest.ts";
import { type ArtifactStore, createArtifactStore } from "./index.ts";

const hour = 3_600_000;
const grace = 24 * hour;
const content = new TextEncoder().encode("the same bytes");
const digest = digestOf(content);

/** What every process of a world knows of it, and what must be true of it in the end. */
class Scene {
  readonly world: World = new World();
  readonly published: Set<string> = new Set();

  store(actor: string): ArtifactStore {
    return createArtifactStore({ objects: this.world.storeOf(actor), clock: this.world.clock });
  }

  /** Stores the content, or a manifest of it, and makes it reachable; answers once that is true. */
  async upload(actor: string, as: "blob" | "many" | "stream" | "manifest"): Promise<void> {
    const store = this.store(actor);
    const body = as === "stream" ? new Blob([content]).stream() : content;
    const [{ digest: stored } = { digest }] =
      as === "many" ? await store.putBlobs([content]) : [await store.putBlob(body, as === "stream" ? { digest } : {})];
    const root = as === "manifest" ? await store.putManifest({ files: { a: stored } }) : stored;
    await this.world.step(actor, "publish", () => this.published.add(root));
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
      this.world.now += 25 * hour;
      await this.collect("later");
    }
    for await (const { key } of this.world.storeOf("later").list("condemned/")) losses.push(key);
    return losses;
  }

  async isReadable(root: string): Promise<boolean> {
    const store = this.store("reader");
    try {
      const body = root === digest ? await store.getBlob(root) : await store.getFile(root, "a");
      return Buffer.from(await toBytes(body)).equals(content);
    } catch {
      return false;
    }
  }
}

/** A world in which the content is stored, and unreachable, since some time. */
async function sceneWith(age: number, manifest = false): Promise<Scene> {
  const scene = new Scene();
  const first = scene.store("first");
  const done = first.putBlob(content).then(() => (manifest ? first.putManifest({ files: { a: digest } }) : undefined));
  await scene.world.run(() => ({ next: 0 }));
  await done;
  scene.world.trace.length = 0;
  scene.world.now += age;
  return scene;
}

/** Deletes what is old and unreachable, as one would without knowing better. */
async function collectNaively(scene: Scene): Promise<void> {
  const objects = scene.world.storeOf("naive");
  const since = scene.world.now - grace;
  const roots = await scene.world.step("naive", "roots", () => new Set(scene.published));
  for await (const { key, lastModified } of objects.list("blobs/")) {
    if (lastModified < since && !roots.has(digest)) await objects.delete(key);
  }
}

describe("in every order of calls, an uploader that finds its bytes there and a collector", () => {
  it("lose nothing", async () => {
    const runs = await everyOrder(async (choose) => {
      const scene = await sceneWith(2 * grace);
      const done = Promise.all([scene.upload("uploader", "blob"), scene.collect("collector")]);
      await scene.world.run((waiting) => ({ next: waiting.length === 1 ? 0 : choose(waiting.length) }));
      await done;
      expect(await scene.losses()).toEqual([]);
    });
    expect(runs).toBeGreaterThan(1000);
  }, 60_000);

  it("would lose it if the collector looked at nothing but age and roots", async () => {
    let lost = 0;
    await everyOrder(async (choose) => {
      const scene = await sceneWith(2 * grace);
      const done = Promise.all([scene.upload("uploader", "blob"), collectNaively(scene)]);
      await scene.world.run((waiting) => ({ next: waiting.length === 1 ? 0 : choose(waiting.length) }));
      await done;
      scene.world.free();
      if (!(await scene.isReadable(digest))) lost += 1;
    });
    expect(lost).toBeGreaterThan(0);
  });
});

it.each<Kill>(["before", "after", "under way", "sent twice"])(
  "a collector killed at any call (%s), and then an uploader, lose nothing, in whatever order the last call lands",
  async (kill) => {
    const callsOfACollector = 12;
    for (let at = 0; at < callsOfACollector; at++) {
      await everyOrder(async (choose) => {
        const scene = await sceneWith(2 * grace);
        let calls = 0;
        void scene.collect("collector");
        await scene.world.run(() => {
          if (scene.world.died("collector")) return undefined;
          return calls++ === at ? { next: 0, kill } : { next: 0 };
        });
        const done = scene.upload("uploader", at % 2 === 0 ? "blob" : "many");
        await scene.world.run((waiting) => ({ next: waiting.length === 1 ? 0 : choose(waiting.length) }));
        await done;
        expect(await scene.losses()).toEqual([]);
      });
    }
  },
  60_000,
);

describe("in random orders, two uploaders and two collectors, one of which is killed,", () => {
  it("lose nothing that was published", async () => {
    const kinds = fc.constantFrom("blob" as const, "many" as const, "stream" as const, "manifest" as const);
    const order = randomOrder({ deathBefore: 45 });
    const property = fc.asyncProperty(
      kinds,
      kinds,
      order,
      ages,
      fc.boolean(),
      async (one, two, order, age, manifest) => {
        const scene = await sceneWith(age * grace, manifest);
        const processes = {
          "uploader 1": scene.upload("uploader 1", one),
          "uploader 2": scene.upload("uploader 2", two),
          "collector 1": scene.collect("collector 1"),
          "collector 2": scene.collect("collector 2"),
        };
        await runInOrder(scene.world, order, { minuteMs: 30_000, processes });
        expect(await scene.losses()).toEqual([]);
      },
    );
    await fc.assert(property, { numRuns: 400 });
  }, 60_000);
});
