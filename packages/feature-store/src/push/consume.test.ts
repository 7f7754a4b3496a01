import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { clock, trips } from "../../test/plain-trips.ts";
import { second } from "../../test/pushed.ts";
import { createFeatureStore, featureStoreError, type OnlineStore, type PushEvent } from "../index.ts";
import { sqlite } from "../online/sqlite.ts";

it("consumes a stream: asks for the next batch when the last is durable, and tries again while the store is away", async () => {
  const folder = await mkdtemp(join(tmpdir(), "ashlar-push-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await using online = sqlite({ path: join(folder, "online.db") });
  const view = trips([]);
  let failures = 3;
  const flaky: OnlineStore = {
    ...online,
    async exchange(...given) {
      const result = await online.exchange(...given);
      // The answer is lost on its way: the store did what was asked, and the pusher cannot know.
      if (failures-- <= 0) return result;
      throw featureStoreError("ONLINE_STORE_UNAVAILABLE", { store: "x", operation: "exchange", reason: "cut off" });
    },
  };
  const store = createFeatureStore({ views: [view], online: flaky, clock });
  const kept = new Set<unknown>();
  const at = new Date(50 * second);
  async function* stream(): AsyncIterable<PushEvent[]> {
    for (let i = 0; i < 5; i++) {
      expect(kept.size).toBe(2 * i);
      yield [2 * i, 2 * i + 1].map((id) => ({ id, car: "a", at, known: at, length: id, note: null }));
    }
  }
  const sink = async (events: readonly PushEvent[]): Promise<void> => {
    for (const { id } of events) kept.add(id);
  };
  // The first batch was counted as new when its answer was lost, and as known when it was pushed again.
  expect(await store.consume(view, stream(), { sink })).toEqual({ accepted: 8, duplicates: 2, late: 0 });
  const [row] = await store.read({ entities: [{ car: "a" }], features: ["trips:sum"], at: 51 * second });
  expect(row?.["trips:sum"]).toEqual({ status: "PRESENT", value: 45, ageMs: 0 });
});
