import type { Field, MessageSchema } from "./wire.ts";

/*
 * The messages of `open-inference.proto`, which says what each field means. Numbers are those of the Open Inference
 * Protocol and of Triton's extensions to it.
 */

const string = (id: number): Field => ({ id, type: "string" });
const strings = (id: number): Field => ({ id, type: "string", label: "repeated" });
const list = (id: number, type: Field["type"]): Field => ({ id, type, label: "repeated" });
const map = (id: number, type: MessageSchema): Field => ({ id, type, label: "map" });

export const empty: MessageSchema = {};
export const live: MessageSchema = { live: { id: 1, type: "bool" } };
export const ready: MessageSchema = { ready: { id: 1, type: "bool" } };
export const modelName: MessageSchema = { name: string(1), version: string(2) };
export const serverMetadata: MessageSchema = { name: string(1), version: string(2), extensions: strings(3) };

const tensorMetadata: MessageSchema = { name: string(1), datatype: string(2), shape: list(3, "int64") };
export const modelMetadata: MessageSchema = {
  name: string(1),
  versions: strings(2),
  platform: string(3),
  inputs: list(4, tensorMetadata),
  outputs: list(5, tensorMetadata),
};

const parameter: MessageSchema = {
  bool_param: { id: 1, type: "bool" },
  int64_param: { id: 2, type: "int64" },
  string_param: string(3),
  double_param: { id: 4, type: "double" },
  uint64_param: { id: 5, type: "uint64" },
};
const contents: MessageSchema = {
  bool_contents: list(1, "bool"),
  int_contents: list(2, "int32"),
  int64_contents: list(3, "int64"),
  uint_contents: list(4, "uint32"),
  uint64_contents: list(5, "uint64"),
  fp32_contents: list(6, "float"),
  fp64_contents: list(7, "double"),
  bytes_contents: list(8, "bytes"),
};
const tensor: MessageSchema = {
  name: string(1),
  datatype: string(2),
  shape: list(3, "int64"),
  parameters: map(4, parameter),
  contents: { id: 5, type: contents },
};
export const inferRequest: MessageSchema = {
  model_name: string(1),
  model_version: string(2),
  id: string(3),
  parameters: map(4, parameter),
  inputs: list(5, tensor),
  outputs: list(6, { name: string(1), parameters: map(2, parameter) }),
  raw_input_contents: list(7, "bytes"),
};
export const inferResponse: MessageSchema = {
  model_name: string(1),
  model_version: string(2),
  id: string(3),
  parameters: map(4, parameter),
  outputs: list(5, tensor),
  raw_output_contents: list(6, "bytes"),
};
export const streamResponse: MessageSchema = {
  error_message: string(1),
  infer_response: { id: 2, type: inferResponse },
};

const configTensor = (dims: number): MessageSchema => ({
  name: string(1),
  data_type: { id: 2, type: "int32" },
  dims: list(dims, "int64"),
});
const modelConfig: MessageSchema = {
  name: string(1),
  platform: string(2),
  max_batch_size: { id: 4, type: "int32" },
  input: list(5, configTensor(4)),
  output: list(6, configTensor(3)),
  instance_group: list(7, { count: { id: 2, type: "int32" }, kind: { id: 4, type: "int32" } }),
  dynamic_batching: {
    id: 11,
    type: {
      preferred_batch_size: list(1, "int32"),
      max_queue_delay_microseconds: { id: 2, type: "uint64" },
      priority_levels: { id: 4, type: "uint64" },
      default_priority_level: { id: 5, type: "uint64" },
    },
  },
  backend: string(17),
  response_cache: { id: 24, type: { enable: { id: 1, type: "bool" } } },
};
export const configResponse: MessageSchema = { config: { id: 1, type: modelConfig } };

const duration = (id: number): Field => ({
  id,
  type: { count: { id: 1, type: "uint64" }, ns: { id: 2, type: "uint64" } },
});
const modelStatistics: MessageSchema = {
  name: string(1),
  version: string(2),
  last_inference: { id: 3, type: "uint64" },
  inference_count: { id: 4, type: "uint64" },
  execution_count: { id: 5, type: "uint64" },
  inference_stats: {
    id: 6,
    type: {
      success: duration(1),
      fail: duration(2),
      queue: duration(3),
      compute_input: duration(4),
      compute_infer: duration(5),
      compute_output: duration(6),
      cache_hit: duration(7),
      cache_miss: duration(8),
    },
  },
  batch_stats: list(7, {
    batch_size: { id: 1, type: "uint64" },
    compute_input: duration(2),
    compute_infer: duration(3),
    compute_output: duration(4),
  }),
};
export const statisticsResponse: MessageSchema = { model_stats: list(1, modelStatistics) };

export const indexRequest: MessageSchema = { repository_name: string(1), ready: { id: 2, type: "bool" } };
export const indexResponse: MessageSchema = {
  models: list(1, { name: string(1), version: string(2), state: string(3), reason: string(4) }),
};
export const repositoryRequest: MessageSchema = {
  repository_name: string(1),
  model_name: string(2),
  parameters: map(3, {
    bool_param: { id: 1, type: "bool" },
    int64_param: { id: 2, type: "int64" },
    string_param: string(3),
    bytes_param: { id: 4, type: "bytes" },
  }),
};
