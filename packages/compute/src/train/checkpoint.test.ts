import { memoryObjectStore } from "@ashlar/core/memory";
import { describe, expect, it } from "vitest";
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
