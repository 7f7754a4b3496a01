import type { ObjectStore } from "@ashlar/core";
import { memoryObjectStore } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
import { sampleRows } from "../../test/sample-rows.ts";
import { trainBoostedTrees } from "./boosted-trees.ts";
import { Checkpoints } from "./checkpoint.ts";
import type { TrainingState } from "./state.ts";

const state = (step: number): TrainingState => ({
  step,
  done: false,
  values: { x: Float64Array.of(step, Math.PI, -0, Number.NaN), none: new Float64Array(0) },
});

async function saved(steps: number) {
  const store = memoryObjectStore();
  const checkpoints = new Checkpoints({ store, key: "run" }, { kind: "mlp", seed: 1 });
  for (let step = 1; step <= steps; step++) {
    checkpoints.offer(state(step));
    await checkpoints.settled();
  }
  return store;
}

describe("checkpoints", () => {
  it("give back the newest state, bit for bit", async () => {
    const store = await saved(3);
    const loaded = await new Checkpoints({ store, key: "run" }, { kind: "mlp", seed: 1 }).load();
    expect(loaded).toEqual(state(3));
    expect(await new Checkpoints({ store, key: "other" }, {}).load()).toBeUndefined();
  });

  it("fall back to the one before when the newest is torn at any length, and write over the torn one", async () => {
    const store = await saved(3);
    const whole = await (await store.get("run/0")).bytes();
    for (let length = 0; length < whole.length; length += 7) {
      await store.put("run/0", whole.slice(0, length));
      const checkpoints = new Checkpoints({ store, key: "run" }, { kind: "mlp", seed: 1 });
      expect((await checkpoints.load())?.step).toBe(2);
      checkpoints.offer(state(4));
      await checkpoints.settled();
      expect((await new Checkpoints({ store, key: "run" }, { kind: "mlp", seed: 1 }).load())?.step).toBe(4);
      expect((await store.head("run/1"))?.etag).toBeDefined();
    }
  });

  it("take the end of a training before the state of its last step", async () => {
    for (const steps of [3, 4]) {
      const store = await saved(steps);
      const checkpoints = new Checkpoints({ store, key: "run" }, { kind: "mlp", seed: 1 });
      await checkpoints.load();
      checkpoints.offer({ ...state(steps), done: true });
      await checkpoints.settled();
      const loaded = await new Checkpoints({ store, key: "run" }, { kind: "mlp", seed: 1 }).load();
      expect(loaded).toEqual({ ...state(steps), done: true });
    }
  });

  it("end a training that can no longer be saved, and go on from what was", async () => {
    const store = memoryObjectStore();
    let puts = 0;
    const full: ObjectStore = {
      ...store,
      get: (key, options) => store.get(key, options),
      async put(key, body, options) {
        if (++puts === 3) throw new Error("no space left");
        return await store.put(key, body, options);
      },
    };
    const options = { data: sampleRows(300), label: "late", rounds: 100_000, workers: 2 };
    const checkpoint = { key: "run", every: 1 };
    const run = trainBoostedTrees({ ...options, checkpoint: { ...checkpoint, store: full } });
    await expect(run).rejects.toThrow("no space left");
    expect(puts).toBe(3);
    const controller = new AbortController();
    const rounds: number[] = [];
    const again = trainBoostedTrees({
      ...options,
      checkpoint: { ...checkpoint, store },
      signal: controller.signal,
      onProgress({ round }) {
        rounds.push(round);
        controller.abort();
      },
    });
    await expect(again).rejects.toMatchObject({ name: "AbortError" });
    expect(rounds[0]).toBeGreaterThan(2);
  });

  it("are refused, by name, to another training, and when they are none", async () => {
    const store = await saved(1);
    const other = new Checkpoints({ store, key: "run" }, { kind: "mlp", seed: 2 });
    await expect(other.load()).rejects.toMatchObject({
      code: "CHECKPOINT_MISMATCH",
      message: expect.stringContaining("its seed is 1, this one's is 2"),
    });
    await store.put("photo/0", new TextEncoder().encode("JFIF, not a checkpoint"));
    await expect(new Checkpoints({ store, key: "photo" }, {}).load()).rejects.toMatchObject({
      code: "CHECKPOINT_UNREADABLE",
    });
  });
});
