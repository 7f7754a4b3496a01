import { readFile } from "node:fs/promises";

import { describe, expect, test } from "vitest";

import { createInferenceServer, modelSettingsSchema } from "./index.ts";
import { firstViolation } from "./schema-check.ts";
import { checkSettings, resolveSettings } from "./settings.ts";

describe("settings of a model", () => {
  test("the published schema is the one that settings are checked against", async () => {
    const file = new URL("../../model-settings.schema.json", import.meta.url);
    expect(JSON.parse(await readFile(file, "utf8"))).toEqual(JSON.parse(JSON.stringify(modelSettingsSchema)));
  });

  test("the model's own go before those of the server, and those before the defaults", () => {
    const server = { instances: 3, batching: { maxBatchRows: 64, maxDelayMs: 2 }, queue: { limit: 9 } };
    expect(resolveSettings(server, { batching: { maxBatchRows: 8 } })).toMatchObject({
      instances: 3,
      maxBatchRows: 8,
      maxDelayMs: 2,
      queue: { limit: 9 },
      execution: "auto",
    });
    expect(resolveSettings({}, { batching: { latencyTarget: "5ms p99" } }).latencyTarget).toEqual({
      milliseconds: 5,
      quantile: 0.99,
    });
  });

  test.each([
    [{ instances: 65 }, "instances is 65, but it must be a whole number from 1 to 64"],
    [{ execution: "gpu" }, "one of auto, inline, worker, process"],
    [{ batching: { maxDelayMs: -1 } }, "batching.maxDelayMs is -1"],
    [{ batching: { prefered: [1] } }, "batching.prefered"],
    [{ queue: { priorities: { "10": {} } } }, "queue.priorities.10"],
    [{ queue: { timeoutAction: "drop" } }, "one of reject, delay"],
    [{ sequence: {} }, "sequence.states is undefined, but it must be given"],
    [{ versionPolicy: "newest" }, '"all", { "latest": 2 }'],
    [{ ensemble: { inputs: [], outputs: ["y"], steps: [] } }, "ensemble.inputs is []"],
    [{ batchAxes: { x: "first" } }, "the number of an axis, or null"],
    [{ warmup: 1 }, "true or false"],
    [[], "an object"],
  ])("%j is refused with its place", (settings, message) => {
    expect(() => checkSettings(settings)).toThrow(message);
  });

  test("a preferred size above the largest is refused, for a server too", () => {
    const batching = { preferredBatchRows: [4, 512] };
    expect(() => createInferenceServer({ batching })).toThrow("maxBatchRows, which is 256");
    expect(() => createInferenceServer({ maxConcurrentRuns: 0 })).toThrow("maxConcurrentRuns");
  });

  test("the check knows null, nested lists and what is not given", () => {
    const schema = { type: "array", items: { type: "null" }, minItems: 1 } as const;
    expect(firstViolation([null], schema)).toBeNull();
    expect(firstViolation([null, 1], schema)).toMatchObject({ path: "[1]", rule: "null" });
    expect(firstViolation([], schema)).toMatchObject({ rule: "a list of 1 or more" });
    expect(firstViolation({ a: undefined }, { type: "object", additionalProperties: false })).toBeNull();
    expect(firstViolation(0, { type: "number", exclusiveMinimum: 0 })).toMatchObject({ rule: "a number above 0" });
  });
});
