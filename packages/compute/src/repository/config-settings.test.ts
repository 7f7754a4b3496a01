import { isAshlarError } from "@ashlar/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { modelSettingsSchema } from "../infer/model-settings-schema.ts";
import { checkSettings, resolveSettings } from "../infer/settings.ts";
import { configSettings, declaredSignature } from "./config-settings.ts";
import { isModelConfig, readModelConfig } from "./model-config.ts";

const read = (text: string) => readModelConfig("m", new TextEncoder().encode(text));
const settings = (text: string, labels: Readonly<Record<string, readonly string[]>> = {}) => {
  const found = configSettings("m", read(text), new Map(Object.entries(labels)));
  checkSettings(found);
  resolveSettings({}, found);
  return found;
};

describe("config.pbtxt as settings", () => {
  test("of an image classifier", () => {
    const text = `
      name: "m"
      platform: "onnxruntime_onnx"
      max_batch_size: 16
      input [
        { name: "image" data_type: TYPE_FP32 format: FORMAT_NCHW dims: [ 3, 224, 224 ] }
      ]
      output [
        { name: "scores" data_type: TYPE_FP32 dims: [ 1000 ] label_filename: "classes.txt" }
      ]
      version_policy: { latest { num_versions: 2 } }
      instance_group [ { count: 2 kind: KIND_CPU }, { kind: KIND_AUTO gpus: [ 0 ] } ]
      dynamic_batching {
        preferred_batch_size: [ 4, 8, 8 ]
        max_queue_delay_microseconds: 1500
        preserve_ordering: true
      }
      response_cache { enable: true }
      optimization { graph { level: 1 } execution_accelerators { cpu_execution_accelerator: [ { name: "openvino" } ] } }
      model_warmup [ { name: "one" batch_size: 1 inputs { key: "image" value { data_type: TYPE_FP32 zero_data: true } } } ]
      parameters { key: "intra_op_thread_count" value: { string_value: "2" } }
      metric_tags { key: "team" value: "vision" }`;
    expect(settings(text, { "classes.txt": ["cat", "dog"] })).toEqual({
      versionPolicy: { latest: 2 },
      labels: { scores: ["cat", "dog"] },
      instances: 3,
      batchAxes: {},
      batching: { maxBatchRows: 16, preferredBatchRows: [4, 8], maxDelayMs: 1.5 },
      queue: {},
      responseCache: { maxBytes: 67_108_864 },
    });
    expect(declaredSignature(read(text))).toEqual({
      inputs: [{ name: "image", type: "float32", shape: [null, 3, 224, 224] }],
      outputs: [{ name: "scores", type: "float32", shape: [null, 1000] }],
      batched: true,
      from: "config.pbtxt",
    });
  });

  test("of a model that is not batched", () => {
    const text = `backend: "onnxruntime" max_batch_size: 0
      input { name: "text" data_type: TYPE_STRING dims: -1 }
      input { name: "flag" data_type: 1 dims: [] }
      output < name: 'ids' data_type: TYPE_INT64 dims: [ -1, 2 ] >
      version_policy { specific { versions: [ 1, 3 ] } }`;
    expect(settings(text)).toEqual({ batchable: false, versionPolicy: { specific: ["1", "3"] } });
    expect(declaredSignature(read(text))).toMatchObject({
      inputs: [
        { type: "string", shape: [null] },
        { type: "bool", shape: [] },
      ],
      outputs: [{ type: "int64", shape: [null, 2] }],
      batched: false,
    });
    expect(settings('input { name: "x" }')).toEqual({ batchable: false });
    expect(settings('backend: "onnxruntime"')).toEqual({});
    expect(settings("version_policy { all {} } instance_group { count: 0 }")).toEqual({
      versionPolicy: "all",
      instances: 1,
    });
    expect(settings("version_policy { latest {} }")).toEqual({ versionPolicy: { latest: 1 } });
  });

  test("of queues with and without priorities", () => {
    const policy =
      "{ timeout_action: DELAY default_timeout_microseconds: 250000 allow_timeout_override: true max_queue_size: 100 }";
    expect(settings(`max_batch_size: 4 dynamic_batching { default_queue_policy ${policy} }`)).toMatchObject({
      queue: { limit: 100, timeoutMs: 250, timeoutAction: "delay" },
    });
    const levels = (common: string): string => `max_batch_size: 4 dynamic_batching {
      priority_levels: 3 default_priority_level: 2 default_queue_policy { ${common} }
      priority_queue_policy [ { key: 1 value ${policy} }, { key: 3 value { default_timeout_microseconds: 1000 max_queue_size: 5 } } ]
    }`;
    expect(settings(levels("max_queue_size: 10")).queue).toEqual({
      limit: 115,
      defaultPriority: 2,
      priorities: {
        1: { limit: 100, timeoutMs: 250, timeoutAction: "delay" },
        2: { limit: 10 },
        3: { limit: 5, timeoutMs: 1, timeoutAction: "reject" },
      },
    });
    // A queue without a limit of its own has that of this package.
    expect(settings(levels("")).queue).toMatchObject({ priorities: { 2: {} } });
    expect(settings(levels("")).queue).not.toHaveProperty("limit");
  });

  test("of an ensemble", () => {
    const text = `name: "m" platform: "ensemble" max_batch_size: 8
      input [ { name: "RAW" data_type: TYPE_FP32 dims: [ 2 ] } ]
      output [ { name: "SCORE" data_type: TYPE_FP32 dims: [ 2 ] } ]
      ensemble_scheduling { step [
        { model_name: "prepare" model_version: -1 input_map { key: "x" value: "RAW" } output_map { key: "y" value: "clean" } },
        { model_name: "score" model_version: 3
          input_map [ { key: "a" value: "clean" }, { key: "b" value: "RAW" } ]
          output_map { key: "p" value: "SCORE" } }
      ] }`;
    expect(settings(text)).toEqual({
      ensemble: {
        inputs: ["RAW"],
        outputs: ["SCORE"],
        steps: [
          { model: "prepare", inputs: { x: "RAW" }, outputs: { y: "clean" } },
          { model: "score", version: "3", inputs: { a: "clean", b: "RAW" }, outputs: { p: "SCORE" } },
        ],
      },
    });
  });

  test("of a model with a state", () => {
    const text = (more = ""): string => `max_batch_size: 4 sequence_batching {
      max_sequence_idle_microseconds: 5000000
      oldest { max_candidate_sequences: 16 preferred_batch_size: [ 2 ] max_queue_delay_microseconds: 100 }
      state [ { input_name: "s" output_name: "sNext" data_type: TYPE_FP32 dims: [ 2, -1 ] ${more} } ]
    }`;
    expect(settings(text())).toEqual({
      batching: { maxBatchRows: 4, preferredBatchRows: [2], maxDelayMs: 0.1 },
      sequence: { states: [{ input: "s", output: "sNext" }], idleTimeoutMs: 5000 },
    });
    expect(settings(text('initial_state { name: "zeros" dims: [ 2, 1 ] zero_data: true }'))).toEqual(settings(text()));
  });

  const input = (more: string): string => `input { name: "x" ${more} }`;
  const output = (more: string): string => `output { name: "y" ${more} }`;
  const dynamic = (more: string): string => `max_batch_size: 8 dynamic_batching { ${more} }`;
  const sequence = (more: string): string => `sequence_batching { ${more} }`;
  const state = (more: string): string =>
    sequence(`state { input_name: "s" output_name: "t" dims: [ -1, 2 ] ${more} }`);
  const initial = (more: string): string => state(`initial_state { ${more} }`);

  test.each([
    ["maxbatchsize: 3", "line 1, column 1: maxbatchsize must be absent: there are name, platform"],
    ["max_batch_size: 3 max_batch_size: 3", "line 1, column 19: max_batch_size must be given once"],
    ["max_batch_size: [ 3 ]", "max_batch_size must be one value, not a list"],
    ["max_batch_size: -3", "line 1, column 17: max_batch_size must be a whole number from 0"],
    ["max_batch_size: 1.5", "max_batch_size must be a whole number"],
    ["name: m", "name must be a string in quotes"],
    ["input { \n dim: 3 }", "line 2, column 2: input[0].dim must be absent"],
    ["input [ { name: 'a' }, { data_type: FP32 } ]", "input[1].data_type must be one of TYPE_INVALID, TYPE_BOOL"],
    ["input { dims: [ 1, x ] }", "input[0].dims[1] must be a whole number from -1"],
    ["response_cache { enable: 2 }", "response_cache.enable must be true or false"],
    ["response_cache: true", "response_cache must be a message in braces"],
    ["dynamic_batching { priority_queue_policy { key: 'a' } }", "priority_queue_policy[0].key must be a whole number"],
    ["input {", "line 1, column 8: there must be the name of a field"],
    ['name: "other"', 'name is "other"'],
    ['platform: "tensorrt_plan"', 'platform is "tensorrt_plan"'],
    ['backend: "python"', 'backend is "python", but models are run by ONNX Runtime'],
    ['platform: "ensemble"', "Give ensemble_scheduling"],
    ["model_transaction_policy { decoupled: true }", "model_transaction_policy.decoupled is true"],
    ['model_operations { op_library_filename: "ops.so" }', "model_operations.op_library_filename"],
    ['model_repository_agents { agents { name: "checksum" } }', "model_repository_agents.agents"],
    ["input { dims: 1 }", "input[0].name is missing"],
    [input("optional: true"), "input[0].optional is true"],
    [input("allow_ragged_batch: true"), "input[0].allow_ragged_batch is true"],
    [input("is_shape_tensor: true"), "input[0].is_shape_tensor is true"],
    [output("is_non_linear_format_io: true"), "output[0].is_non_linear_format_io is true"],
    [`${output('label_filename: "a.txt"')} ensemble_scheduling {}`, "classes of an ensemble have no names"],
    [output("dims: 1 reshape { shape: [] }"), "output[0].reshape is given"],
    [output('label_filename: "../../etc/passwd"'), 'output[0].label_filename is "../../etc/passwd"'],
    ['default_model_filename: "a/b.onnx"', 'default_model_filename is "a/b.onnx"'],
    ["batch_input { kind: BATCH_ELEMENT_COUNT }", "batch_input is given"],
    ["dynamic_batching {} ensemble_scheduling {}", "dynamic_batching and ensemble_scheduling are given"],
    ["version_policy { all {} latest {} }", "version_policy has all and latest"],
    [dynamic("preferred_batch_size: [ 4, 16 ]"), "preferred_batch_size has 16, but a batch has at most max_batch_size"],
    [dynamic("priority_levels: 12 default_priority_level: 1"), "at most 9 priorities"],
    [dynamic("priority_levels: 3"), "default_priority_level is 0"],
    [dynamic("priority_levels: 3 default_priority_level: 4"), "default_priority_level is 4"],
    [dynamic("priority_queue_policy { key: 2 }"), "priority_queue_policy has 2"],
    ["instance_group { kind: KIND_GPU }", "instance_group[0].kind is KIND_GPU, but models run on the CPU"],
    ["instance_group { passive: true }", "instance_group[0].passive"],
    ['instance_group { profile: "1" }', "instance_group[0].profile is given"],
    [sequence(""), "sequence_batching has no state"],
    [state('} control_input { name: "START"'), "sequence_batching.control_input[0] is given"],
    [state("} iterative_sequence: true direct {"), "iterative_sequence is true"],
    [state("} direct { } oldest {"), "direct and oldest"],
    [initial('data_file: "zeros"'), "sequence_batching.state[0].initial_state.data_file is given"],
    [initial("dims: [ 3, 2 ] zero_data: true"), "initial_state.dims is [3, 2]"],
  ])("%s is refused", (text, message) => {
    expect(() => settings(text)).toThrow(
      expect.objectContaining({ code: "MODEL_CONFIG_INVALID", status: 400, message: expect.stringContaining(message) }),
    );
  });
});

test("bytes that are no text are refused, and a mark of their order is passed over", () => {
  expect(() => readModelConfig("m", Uint8Array.of(0xff, 0xfe))).toThrow(
    expect.objectContaining({ code: "MODEL_CONFIG_INVALID", message: expect.stringContaining("not UTF-8") }),
  );
  expect(read("\ufeffmax_batch_size: 3\r\n")).toEqual({ max_batch_size: 3 });
});

test("settings of this package have no name in common with it", () => {
  const names = Object.keys(modelSettingsSchema.properties ?? {});
  expect(names.filter((name) => isModelConfig({ [name]: null }))).toEqual([]);
  expect([isModelConfig({ max_batch_size: 1 }), isModelConfig([]), isModelConfig(null), isModelConfig("a")]).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

test("whatever is changed in a configuration, it is followed or refused with its own errors", () => {
  const text = `name: "m" backend: "onnxruntime" max_batch_size: 8 version_policy { latest { num_versions: 2 } }
    input [ { name: "x" data_type: TYPE_FP32 dims: [ 2, -1 ] } ] output { name: "y" label_filename: "a.txt" }
    instance_group { count: 2 kind: KIND_CPU } response_cache { enable: true }
    dynamic_batching { preferred_batch_size: [ 4 ] priority_levels: 2 default_priority_level: 1
      priority_queue_policy { key: 1 value { max_queue_size: 3 timeout_action: DELAY } } }`;
  const tokens = text.split(/(\s+|[:{}[\],"])/);
  const anything = fc.constantFrom("", "{", "}", "[", "]", ":", '"', "-1", "0", "99999999999999999999", "name", "a b");
  const edit = fc.tuple(fc.nat(tokens.length - 1), fc.oneof(anything, fc.constantFrom(...tokens)));
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
      const changed = [...tokens];
      for (const [at, token] of edits) changed[at] = token;
      let thrown: unknown = null;
      try {
        settings(changed.join(""));
      } catch (error) {
        thrown = error;
      }
      const codes = ["MODEL_CONFIG_INVALID", "INFERENCE_OPTION_INVALID"] as const;
      expect(thrown === null || codes.some((code) => isAshlarError(thrown, code))).toBe(true);
    }),
    { numRuns: 1000 },
  );
});
