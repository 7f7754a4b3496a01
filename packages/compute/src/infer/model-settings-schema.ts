import type { SettingsSchema } from "./schema-check.ts";

const count: SettingsSchema = { type: "integer", minimum: 1 };
const milliseconds: SettingsSchema = { type: "number", exclusiveMinimum: 0 };
const name: SettingsSchema = { type: "string", pattern: "^.+$", description: "a name" };
const names: SettingsSchema = { type: "array", items: name, minItems: 1 };

function object(
  properties: Readonly<Record<string, SettingsSchema>>,
  required: readonly string[] = [],
): SettingsSchema {
  return { type: "object", properties, required, additionalProperties: false };
}

const level: Readonly<Record<string, SettingsSchema>> = {
  limit: count,
  timeoutMs: milliseconds,
  timeoutAction: { enum: ["reject", "delay"] },
};

const step = object(
  {
    model: name,
    version: name,
    inputs: { type: "object", additionalProperties: name },
    outputs: { type: "object", additionalProperties: name },
  },
  ["model", "inputs", "outputs"],
);

/** The JSON schema of `ModelSettings`, published as `@ashlar/compute/model-settings.schema.json`. */
export const modelSettingsSchema: SettingsSchema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "How a model is served",
  ...object({
    $schema: { type: "string" },
    execution: { enum: ["auto", "inline", "worker", "process"] },
    inlineBelowMicros: { type: "number", minimum: 0 },
    instances: { type: "integer", minimum: 1, maximum: 64 },
    warmup: { type: "boolean" },
    loadTimeoutMs: milliseconds,
    runTimeoutMs: milliseconds,
    maxHeapMb: { type: "integer", minimum: 16 },
    batchable: { type: "boolean" },
    batchAxes: {
      type: "object",
      additionalProperties: {
        anyOf: [{ type: "integer", minimum: 0, maximum: 31 }, { type: "null" }],
        description: "the number of an axis, or null",
      },
    },
    batching: object({
      maxBatchRows: count,
      preferredBatchRows: { type: "array", items: count },
      maxDelayMs: { type: "number", minimum: 0, maximum: 60_000 },
      latencyTarget: {
        type: "string",
        pattern: "^\\d+(\\.\\d+)?(us|ms|s) p\\d{1,2}(\\.\\d+)?$",
        description: 'a latency and a quantile, such as "5ms p99"',
      },
      queueLimit: count,
    }),
    queue: object({
      ...level,
      defaultPriority: { type: "integer", minimum: 1, maximum: 9 },
      priorities: { type: "object", properties: numbered(object(level)), additionalProperties: false },
    }),
    hedgeAfterMs: milliseconds,
    weight: { type: "number", exclusiveMinimum: 0 },
    responseCache: object({ maxBytes: count }, ["maxBytes"]),
    sequence: object(
      {
        states: { type: "array", items: object({ input: name, output: name }, ["input", "output"]), minItems: 1 },
        idleTimeoutMs: milliseconds,
        maxSequences: count,
      },
      ["states"],
    ),
    labels: { type: "object", additionalProperties: { type: "array", items: { type: "string" } } },
    versionPolicy: {
      anyOf: [{ enum: ["all"] }, object({ latest: count }, ["latest"]), object({ specific: names }, ["specific"])],
      description: '"all", { "latest": 2 } or { "specific": ["1", "3"] }',
    },
    ensemble: object({ inputs: names, outputs: names, steps: { type: "array", items: step, minItems: 1 } }, [
      "inputs",
      "outputs",
      "steps",
    ]),
  }),
};

/** Priorities, from 1 to 9. */
function numbered(schema: SettingsSchema): Readonly<Record<string, SettingsSchema>> {
  return Object.fromEntries(Array.from({ length: 9 }, (_, index) => [String(index + 1), schema]));
}
