import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { type ModelPlace, modelPlaces } from "../../test/model-places.ts";
import { addOne, scale } from "../../test/onnx-models.ts";
import {
  createInferenceServer,
  type InferenceServer,
  type ModelRepository,
  openModelRepository,
} from "../infer/index.ts";
import { onnxModel, onnxNode, tensorInfo } from "../onnx/build.ts";
import { encodeOnnx } from "../onnx/encode.ts";

/** `total = x + state`, and the total is the next state. */
const accumulator = encodeOnnx(
  onnxModel({
    name: "accumulator",
    nodes: [onnxNode("Add", ["x", "state"], ["total"]), onnxNode("Identity", ["total"], ["next"])],
    inputs: ["x", "state"].map((name) => tensorInfo(name, "float32", ["rows", 2])),
    outputs: ["total", "next"].map((name) => tensorInfo(name, "float32", ["rows", 2])),
  }),
);

/** As people write them: two columns in, two out. */
const config = (more = "", dims = "[ 2 ]"): string => `
  backend: "onnxruntime"
  max_batch_size: 32
  input [ { name: "x" data_type: TYPE_FP32 dims: ${dims} } ]
  output [ { name: "y" data_type: TYPE_FP32 dims: [ 2 ] } ]
  ${more}
`;

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

const ask = async (name: string): Promise<unknown> =>
  Object.values(await server.infer(name, Float32Array.of(1, 1)))[0]?.data[0];
const versions = () => server.models().map(({ name, version }) => `${name}/${version}`);
const get = async (path: string): Promise<unknown> => (await server.handler()(new Request(`http://a${path}`))).json();

describe.each(["directory", "object store"] as const)("config.pbtxt in a %s", (kind) => {
  let place: ModelPlace;
  let repository: ModelRepository;
  beforeEach(() => {
    place = modelPlaces[kind](folder);
    repository = openModelRepository(server, place.source);
  });

  test("is followed, and its changes are taken in", async () => {
    await place.put("scale/1/model.onnx", scale(1));
    await place.put("scale/2/model.onnx", scale(2));
    await place.put("scale/config.pbtxt", config("dynamic_batching { preferred_batch_size: [ 8 ] }"));
    expect(await repository.refresh()).toEqual([]);
    expect([versions(), await ask("scale")]).toEqual([["scale/2"], 2]);
    expect(await get("/v2/models/scale/config")).toMatchObject({
      max_batch_size: 32,
      input: [{ name: "x", data_type: "TYPE_FP32", dims: [2] }],
      dynamic_batching: { preferred_batch_size: [8] },
    });

    await place.put("scale/config.pbtxt", config("version_policy { specific { versions: [ 1 ] } } # back"));
    expect(await repository.refresh()).toEqual([]);
    expect([versions(), await ask("scale")]).toEqual([["scale/1"], 1]);

    await place.remove("scale/config.pbtxt");
    expect(await repository.refresh()).toEqual([]);
    expect(versions()).toEqual(["scale/2"]);
    expect(await get("/v2/models/scale/config")).toMatchObject({ max_batch_size: 256 });
  });

  test("names the file of the model, and the files of labels, whose changes are taken in too", async () => {
    await place.put("scale/1/resnet.onnx", scale(3));
    await place.put("scale/1/model.onnx", scale(99));
    await place.put("scale/labels.txt", "cat\r\ndog\n");
    const labelled = config('default_model_filename: "resnet.onnx"');
    await place.put("scale/config.pbtxt", labelled.replace('name: "y"', 'name: "y" label_filename: "labels.txt"'));
    expect(await repository.refresh()).toEqual([]);
    expect(await ask("scale")).toBe(3);
    expect(await repository.index()).toMatchObject([{ name: "scale", version: "1", state: "READY" }]);
    const classes = async (): Promise<unknown> => {
      const body = {
        inputs: [{ name: "x", datatype: "FP32", shape: [1, 2], data: [1, 5] }],
        outputs: [{ name: "y", parameters: { classification: 1 } }],
      };
      const request = new Request("http://a/v2/models/scale/infer", { method: "POST", body: JSON.stringify(body) });
      const { outputs } = (await (await server.handler()(request)).json()) as { outputs: { data: unknown }[] };
      return outputs[0]?.data;
    };
    expect(await classes()).toEqual(["15.000000:1:dog"]);
    await place.put("scale/labels.txt", "cat\nhound");
    await place.put("scale/1/resnet.onnx", scale(4));
    expect(await repository.refresh()).toEqual([]);
    expect([await ask("scale"), await classes()]).toEqual([4, ["20.000000:1:hound"]]);
    await place.remove("scale/labels.txt");
    const [failure] = await repository.refresh();
    expect(failure?.error.message).toContain(
      'label_filename of the output "y" is "labels.txt", but there is no such file',
    );
    expect(await classes()).toEqual(["20.000000:1:hound"]);
  });

  test("that is wrong, or declares another model, does not hold up the others, and leaves what is served", async () => {
    await place.put("good/1/model.onnx", scale(1));
    await place.put("good/config.pbtxt", config());
    await place.put("odd/1/model.onnx", scale(1));
    await place.put("odd/config.pbtxt", config("", "[ 3 ]"));
    await place.put("torn/1/model.onnx", scale(1));
    await place.put("torn/config.pbtxt", "max_batch_size: 3 input {");
    await place.put("type/1/model.onnx", scale(1));
    await place.put("type/config.pbtxt", config().replace("TYPE_FP32", "TYPE_BF16"));
    await place.put("other/1/model.onnx", scale(1, "z"));
    await place.put("other/config.pbtxt", config());
    await place.put("fixed/1/model.onnx", scale(1));
    await place.put("fixed/config.pbtxt", config().replace("max_batch_size: 32", "max_batch_size: 0"));
    const failures = await repository.refresh();
    const reason = (name: string) => failures.find((failure) => failure.name === name)?.error;
    expect(failures.every(({ error }) => "code" in error && error.code === "MODEL_CONFIG_INVALID")).toBe(true);
    expect(reason("odd")?.message).toContain(
      'the input "x" is declared as float32[?, 3], and the model has float32[?, 2]',
    );
    expect(reason("type")?.message).toContain('"x" is declared as bf16[?, 2], and the model has float32[?, 2]');
    expect(reason("fixed")?.message).toContain('"x" is declared as float32[2], and the model has float32[?, 2]');
    expect(reason("other")?.message).toContain('the input "x" is declared, and the model has the inputs z');
    expect(reason("torn")?.message).toContain("line 1, column 26");
    expect([failures.length, versions(), await ask("good")]).toEqual([5, ["good/1"], 1]);

    await place.put("good/config.pbtxt", config("", "[ 7 ]"));
    await place.put("good/2/model.onnx", scale(2));
    expect(await repository.refresh()).toContainEqual(expect.objectContaining({ name: "good" }));
    expect([versions(), await ask("good")]).toEqual([["good/1"], 1]);
    await place.put("good/config.pbtxt", config());
    await repository.refresh();
    expect([versions(), await ask("good")]).toEqual([["good/2"], 2]);
  });

  test("has settings.json over it, one by one within batching and the queue", async () => {
    await place.put("scale/1/model.onnx", scale(1));
    const policy = "default_queue_policy { max_queue_size: 9 default_timeout_microseconds: 1000000 }";
    await place.put("scale/config.pbtxt", config(`dynamic_batching { preferred_batch_size: [ 8 ] ${policy} }`));
    await place.put(
      "scale/settings.json",
      JSON.stringify({ batching: { maxDelayMs: 2 }, queue: { limit: 5 }, weight: 2 }),
    );
    await repository.refresh();
    expect(await place.source.settings("scale")).toEqual({
      batchAxes: {},
      batching: { maxBatchRows: 32, preferredBatchRows: [8], maxDelayMs: 2 },
      queue: { limit: 5, timeoutMs: 1000, timeoutAction: "reject" },
      weight: 2,
    });
    expect(await get("/v2/models/scale/config")).toMatchObject({
      max_batch_size: 32,
      dynamic_batching: { preferred_batch_size: [8], max_queue_delay_microseconds: 2000 },
    });
    await place.put("scale/settings.json", "[]");
    expect((await repository.refresh())[0]?.error).toMatchObject({ code: "INFERENCE_OPTION_INVALID" });
    // What a client gives with its request to load replaces both files.
    await repository.load("scale", { batching: { maxBatchRows: 7 } });
    expect(await get("/v2/models/scale/config")).toMatchObject({ max_batch_size: 7 });
  });

  test("is replaced by the configuration in a request to load, which is that of Triton or settings", async () => {
    await place.put("scale/1/model.onnx", scale(1));
    await place.put("scale/2/model.onnx", scale(2));
    await place.put("scale/config.pbtxt", config());
    await repository.refresh();
    const handler = server.handler({ repository });
    const load = async (value: unknown): Promise<unknown> => {
      const body = JSON.stringify({ parameters: { config: JSON.stringify(value) } });
      const response = await handler(new Request("http://a/v2/repository/models/scale/load", { method: "POST", body }));
      return response.ok ? response.status : ((await response.json()) as { error: string }).error;
    };
    const asked = {
      backend: "onnxruntime",
      max_batch_size: 4,
      version_policy: { specific: { versions: ["1"] } },
      input: [{ name: "x", data_type: "TYPE_FP32", dims: ["2"] }],
      dynamic_batching: {
        max_queue_delay_microseconds: "1500",
        priority_levels: 2,
        default_priority_level: 2,
        priority_queue_policy: {
          1: { max_queue_size: 3, timeout_action: "DELAY", default_timeout_microseconds: 1000 },
        },
      },
      instance_group: [{ count: 1, kind: "KIND_CPU" }],
      response_cache: { enable: false },
      parameters: null,
    };
    expect(await load(asked)).toBe(200);
    expect([versions(), await ask("scale")]).toEqual([["scale/1"], 1]);
    const told = await get("/v2/models/scale/config");
    expect(told).toMatchObject({
      max_batch_size: 4,
      dynamic_batching: { max_queue_delay_microseconds: 1500, default_priority_level: 2 },
    });
    // What a client was told can be sent back.
    expect(await load({ ...(told as object), max_batch_size: 6 })).toBe(200);
    expect([versions(), await get("/v2/models/scale/config")]).toMatchObject([["scale/2"], { max_batch_size: 6 }]);
    // Triton tells every field, empty or not.
    const whole = {
      name: "scale",
      platform: "onnxruntime_onnx",
      backend: "onnxruntime",
      runtime: "",
      version_policy: { latest: { num_versions: 1 } },
      max_batch_size: 8,
      input: [
        {
          name: "x",
          data_type: "TYPE_FP32",
          format: "FORMAT_NONE",
          dims: [2],
          is_shape_tensor: false,
          allow_ragged_batch: false,
          optional: false,
          is_non_linear_format_io: false,
        },
      ],
      output: [{ name: "y", data_type: "TYPE_FP32", dims: [2], label_filename: "", is_shape_tensor: false }],
      batch_input: [],
      batch_output: [],
      optimization: { priority: "PRIORITY_DEFAULT", input_pinned_memory: { enable: true }, eager_batching: false },
      instance_group: [
        { name: "scale", kind: "KIND_CPU", count: 1, gpus: [], secondary_devices: [], profile: [], passive: false },
      ],
      default_model_filename: "model.onnx",
      cc_model_filenames: {},
      metric_tags: {},
      parameters: {},
      model_warmup: [],
      model_transaction_policy: { decoupled: false },
    };
    expect(await load(whole)).toBe(200);
    expect(await get("/v2/models/scale/config")).toMatchObject({ max_batch_size: 8 });
    expect(await load({ batching: { maxBatchRows: 7 } })).toBe(200);
    expect(await get("/v2/models/scale/config")).toMatchObject({ max_batch_size: 7 });

    for (const [wrong, message] of [
      [
        { max_batch_size: "many" },
        'config parameter of the model "scale" cannot be followed: it cannot be read: max_batch_size must be',
      ],
      [{ max_batch_size: 4, batching: {} }, "batching must be absent: there are name"],
      [{ max_batch_size: [4] }, "max_batch_size must be one value, not a list"],
      [{ input: [{ name: "x", data_type: "FP32" }] }, "input[0].data_type must be one of"],
      [{ input: 3 }, "input[0] must be a message in braces"],
      [{ input: [{ name: "x", dims: [[2]] }] }, "input[0].dims[0] must be a whole number"],
      [{ dynamic_batching: { priority_queue_policy: 1 } }, "priority_queue_policy[0] must be a message"],
      [{ backend: "python" }, 'backend is "python"'],
      [{ max_batch_size: 4, input: [{ name: "x", dims: [3] }] }, "declared as float32[?, 3]"],
      [{ output: [{ name: "y", label_filename: "labels.txt" }] }, "output[0].label_filename is given"],
      [{ default_model_filename: "a.onnx" }, "default_model_filename is given"],
    ] as const) {
      expect(await load(wrong)).toContain(message);
    }
    expect([versions(), await ask("scale")]).toEqual([["scale/2"], 2]);
  });

  test("makes ensembles and models with a state", async () => {
    await place.put("scale/1/model.onnx", scale(5));
    await place.put("zadd/1/model.onnx", addOne());
    await place.put(
      "both/config.pbtxt",
      `platform: "ensemble" max_batch_size: 8
       input [ { name: "in" data_type: TYPE_FP32 dims: [ 2 ] } ]
       output [ { name: "out" data_type: TYPE_FP32 dims: [ 2 ] } ]
       ensemble_scheduling { step [
         { model_name: "scale" model_version: -1 input_map { key: "x" value: "in" } output_map { key: "y" value: "mid" } },
         { model_name: "zadd" input_map { key: "x" value: "mid" } output_map { key: "y" value: "out" } } ] }`,
    );
    await place.put("sum/1/model.onnx", accumulator);
    await place.put(
      "sum/config.pbtxt",
      `max_batch_size: 4
       input [ { name: "x" data_type: TYPE_FP32 dims: [ 2 ] } ]
       output [ { name: "total" data_type: TYPE_FP32 dims: [ 2 ] } ]
       sequence_batching { max_sequence_idle_microseconds: 60000000 direct { }
         state [ { input_name: "state" output_name: "next" data_type: TYPE_FP32 dims: [ 2 ] } ] }`,
    );
    expect(await repository.refresh()).toEqual([]);
    expect(await ask("both")).toBe(6);
    const totals: unknown[] = [];
    for (const position of [{ start: true }, {}, { end: true }]) {
      const options = { sequence: { id: "a", ...position } };
      totals.push((await server.infer("sum", Float32Array.of(1, 2), options))["total"]?.data[1]);
    }
    expect(totals).toEqual([2, 4, 6]);
  });

  test("joins rows along axis 0, whatever the axes are called in the model", async () => {
    const named = encodeOnnx(
      onnxModel({
        name: "named",
        nodes: [onnxNode("Neg", ["x"], ["y"])],
        inputs: [tensorInfo("x", "float32", ["batch", 2])],
        outputs: [tensorInfo("y", "float32", ["batch_out", 2])],
      }),
    );
    await place.put("plain/1/model.onnx", named);
    await place.put("declared/1/model.onnx", named);
    await place.put("declared/config.pbtxt", config());
    expect(await repository.refresh()).toEqual([]);
    const joined = await Promise.all(Array.from({ length: 8 }, () => ask("declared")));
    expect(joined).toEqual(joined.map(() => -1));
    expect(server.models().map(({ name, batchable }) => [name, batchable])).toEqual([
      ["declared", true],
      ["plain", false],
    ]);
  });
});
