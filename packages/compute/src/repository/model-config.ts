import { computeError } from "../errors.ts";
import type { ModelConfig } from "./model-config-type.ts";
import { TextFormatError } from "./text-format.ts";
import {
  bool,
  enumeration,
  integer,
  map,
  message,
  passedOver,
  readJsonMessage,
  readTextMessage,
  repeated,
  text,
} from "./text-message.ts";

export const configFile = "config.pbtxt";

/** What the error of a configuration within a request names. */
export const configParameter = "config parameter";

const unsigned = integer(0);
const dims = repeated(integer(-1));
const pairs = map(text, text, { key: "", value: "" });

const dataType = enumeration(
  "TYPE_INVALID",
  "TYPE_BOOL",
  "TYPE_UINT8",
  "TYPE_UINT16",
  "TYPE_UINT32",
  "TYPE_UINT64",
  "TYPE_INT8",
  "TYPE_INT16",
  "TYPE_INT32",
  "TYPE_INT64",
  "TYPE_FP16",
  "TYPE_FP32",
  "TYPE_FP64",
  "TYPE_STRING",
  "TYPE_BF16",
);

const tensor = {
  name: text,
  data_type: dataType,
  dims,
  reshape: message({ shape: dims }),
  is_shape_tensor: bool,
  is_non_linear_format_io: bool,
};

const input = { ...tensor, format: passedOver, allow_ragged_batch: bool, optional: bool };
const output = { ...tensor, label_filename: text };

const queuePolicy = {
  timeout_action: enumeration("REJECT", "DELAY"),
  default_timeout_microseconds: unsigned,
  allow_timeout_override: passedOver,
  max_queue_size: unsigned,
};

const dynamicBatching = {
  preferred_batch_size: repeated(integer(1)),
  max_queue_delay_microseconds: unsigned,
  preserve_ordering: passedOver,
  priority_levels: unsigned,
  default_priority_level: unsigned,
  default_queue_policy: message(queuePolicy),
  priority_queue_policy: map(unsigned, message(queuePolicy), { key: 0, value: {} }),
};

const state = {
  input_name: text,
  output_name: text,
  data_type: dataType,
  dims,
  initial_state: repeated(message({ name: text, data_type: dataType, dims, zero_data: bool, data_file: text })),
  use_same_buffer_for_input_output: passedOver,
  use_growable_memory: passedOver,
};

const sequenceBatching = {
  max_sequence_idle_microseconds: unsigned,
  control_input: repeated(message({ name: text, control: passedOver })),
  state: repeated(message(state)),
  iterative_sequence: bool,
  direct: message({ max_queue_delay_microseconds: unsigned, minimum_slot_utilization: passedOver }),
  oldest: message({
    max_candidate_sequences: passedOver,
    preferred_batch_size: repeated(integer(1)),
    max_queue_delay_microseconds: unsigned,
    preserve_ordering: passedOver,
  }),
};

const ensembleStep = {
  model_name: text,
  model_version: integer(-1),
  input_map: pairs,
  output_map: pairs,
  model_namespace: passedOver,
};

const instanceGroup = {
  name: passedOver,
  kind: enumeration("KIND_AUTO", "KIND_GPU", "KIND_CPU", "KIND_MODEL"),
  count: unsigned,
  gpus: passedOver,
  rate_limiter: passedOver,
  host_policy: passedOver,
  secondary_devices: repeated(passedOver),
  profile: repeated(passedOver),
  passive: bool,
};

/** `ModelConfig` of Triton's `model_config.proto`, by the names that its documentation of model configuration has. */
const modelConfig = {
  name: text,
  platform: text,
  backend: text,
  runtime: passedOver,
  version_policy: message({
    latest: message({ num_versions: unsigned }),
    all: message({}),
    specific: message({ versions: repeated(integer(1)) }),
  }),
  max_batch_size: unsigned,
  input: repeated(message(input)),
  output: repeated(message(output)),
  batch_input: repeated(passedOver),
  batch_output: repeated(passedOver),
  optimization: passedOver,
  dynamic_batching: message(dynamicBatching),
  sequence_batching: message(sequenceBatching),
  ensemble_scheduling: message({
    step: repeated(message(ensembleStep)),
    max_inflight_responses: passedOver,
    max_inflight_requests: passedOver,
  }),
  instance_group: repeated(message(instanceGroup)),
  default_model_filename: text,
  cc_model_filenames: passedOver,
  metric_tags: passedOver,
  parameters: passedOver,
  model_warmup: passedOver,
  model_operations: message({ op_library_filename: repeated(text) }),
  model_transaction_policy: message({ decoupled: bool }),
  model_repository_agents: message({ agents: repeated(passedOver) }),
  response_cache: message({ enable: bool }),
  model_metrics: passedOver,
};

/** @throws MODEL_CONFIG_INVALID with the line and column of what is no `ModelConfig` */
export function readModelConfig(model: string, bytes: Uint8Array): ModelConfig {
  const unread = (where: string): Error => {
    const rule = "it is a ModelConfig of Triton in the text format of Protocol Buffers";
    return configError(model, { what: `it cannot be read${where}`, rule, remedy: "Correct that place." });
  };
  let content: string;
  try {
    content = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw unread(": its bytes are not UTF-8");
  }
  try {
    return readTextMessage(content, modelConfig);
  } catch (error) {
    throw error instanceof TextFormatError ? unread(` at ${error.message}`) : error;
  }
}

/** Whether a value has a field of `ModelConfig`. Settings of this package have none by such a name. */
export function isModelConfig(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.keys(value).some((field) => Object.hasOwn(modelConfig, field));
}

/** The JSON form, as a request to load has it. @throws MODEL_CONFIG_INVALID */
export function readJsonModelConfig(model: string, value: object): ModelConfig {
  return readJsonMessage(value, modelConfig, (reason) => {
    const rule = "it is a ModelConfig of Triton in JSON";
    return configError(
      model,
      { what: `it cannot be read: ${reason}`, rule, remedy: "Correct that field." },
      configParameter,
    );
  });
}

export interface ConfigProblem {
  readonly what: string;
  readonly rule: string;
  readonly remedy: string;
}

export function configError(model: string, problem: ConfigProblem, file: string = configFile): Error {
  return computeError("MODEL_CONFIG_INVALID", { model, file, ...problem });
}
