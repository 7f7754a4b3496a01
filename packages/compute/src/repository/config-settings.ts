import type {
  BatchingOptions,
  ModelSettings,
  QueueLevel,
  QueuePolicy,
  VersionPolicy,
} from "../infer/model-settings.ts";
import { elementTypeOf, isDatatype } from "../protocol/datatypes.ts";
import { configProblems } from "./config-refusals.ts";
import type { DeclaredSignature, DeclaredTensor } from "./declared-signature.ts";
import { configError, configFile } from "./model-config.ts";
import type {
  ConfigDynamicBatching,
  ConfigQueuePolicy,
  ConfigSequenceBatching,
  ConfigTensor,
  ModelConfig,
} from "./model-config-type.ts";

/** Triton gives all models one cache, whose size is an option of the server. */
const responseCacheBytes = 64 * 1024 * 1024;

/**
 * Triton's `ModelConfig` as settings. What only changes speed and has no counterpart is passed over.
 *
 * @param labels the lines of each `label_filename`
 * @param file where it stands, for the error
 * @throws MODEL_CONFIG_INVALID for what would change answers and cannot be followed
 */
export function configSettings(
  model: string,
  config: ModelConfig,
  labels: ReadonlyMap<string, readonly string[]>,
  file: string = configFile,
): ModelSettings {
  const [problem] = configProblems(model, config);
  if (problem !== undefined) throw configError(model, problem, file);
  const { ensemble_scheduling: ensemble, sequence_batching: sequence, dynamic_batching: dynamic } = config;
  const names = (config.output ?? []).flatMap(({ name = "", label_filename: file = "" }) => {
    return file === "" ? [] : [[name, labels.get(file) ?? []] as const];
  });
  const policy = versionPolicy(config);
  const instances = instanceCount(config);
  return {
    ...(policy === undefined ? {} : { versionPolicy: policy }),
    ...(names.length === 0 ? {} : { labels: Object.fromEntries(names) }),
    ...(ensemble === undefined ? batching(config) : { ensemble: ensembleOptions(config) }),
    ...(dynamic === undefined ? {} : { queue: queuePolicy(dynamic) }),
    ...(sequence === undefined ? {} : { sequence: sequenceOptions(sequence) }),
    ...(instances === undefined ? {} : { instances }),
    ...(config.response_cache?.enable === true ? { responseCache: { maxBytes: responseCacheBytes } } : {}),
  };
}

/** What the inputs and outputs of the model have to be. */
export function declaredSignature(config: ModelConfig, file: string = configFile): DeclaredSignature {
  const batched = (config.max_batch_size ?? 0) > 0;
  const declared = ({ name = "", data_type: type, dims }: ConfigTensor): DeclaredTensor => ({
    name,
    ...(type === undefined ? {} : { type: elementType(type) }),
    ...(dims === undefined
      ? {}
      : { shape: [...(batched ? [null] : []), ...dims.map((length) => (length === -1 ? null : length))] }),
  });
  const { input = [], output = [] } = config;
  return { inputs: input.map(declared), outputs: output.map(declared), batched, from: file };
}

function elementType(type: string): string {
  const datatype = type === "TYPE_STRING" ? "BYTES" : type.slice("TYPE_".length);
  // Models that ONNX Runtime runs in Node have no such tensors.
  return isDatatype(datatype) && datatype !== "BF16" ? elementTypeOf(datatype) : datatype.toLowerCase();
}

function versionPolicy({ version_policy: policy }: ModelConfig): VersionPolicy | undefined {
  if (policy?.all !== undefined) return "all";
  if (policy?.latest !== undefined) return { latest: Math.max(1, policy.latest.num_versions ?? 1) };
  if (policy?.specific !== undefined) return { specific: (policy.specific.versions ?? []).map(String) };
  return undefined;
}

function instanceCount({ instance_group: groups }: ModelConfig): number | undefined {
  return groups?.reduce((sum, { count = 1 }) => sum + Math.max(1, count), 0);
}

/**
 * `max_batch_size` says that axis 0 of all tensors is the batch, under whatever names. Without it, and with nothing
 * declared, the model itself tells, as when Triton completes a configuration.
 */
function batching(config: ModelConfig): Pick<ModelSettings, "batchable" | "batchAxes" | "batching"> {
  const { max_batch_size: most, dynamic_batching: dynamic, sequence_batching: sequence } = config;
  const scheduling: Pick<ConfigDynamicBatching, "preferred_batch_size" | "max_queue_delay_microseconds"> =
    dynamic ?? sequence?.oldest ?? sequence?.direct ?? {};
  const preferred = scheduling.preferred_batch_size ?? [];
  const delay = scheduling.max_queue_delay_microseconds ?? 0;
  const options: BatchingOptions = {
    ...(most === undefined || most === 0 ? {} : { maxBatchRows: most }),
    ...(preferred.length === 0 ? {} : { preferredBatchRows: [...new Set(preferred)] }),
    ...(delay === 0 ? {} : { maxDelayMs: delay / 1000 }),
  };
  const declared = (config.input ?? []).length > 0 || (config.output ?? []).length > 0;
  const apart = most === 0 || (most === undefined && declared);
  return {
    ...(apart ? { batchable: false } : {}),
    ...(most !== undefined && most > 0 && sequence === undefined ? { batchAxes: {} } : {}),
    ...(Object.keys(options).length === 0 ? {} : { batching: options }),
  };
}

function queueLevel(policy: ConfigQueuePolicy): QueueLevel {
  const { max_queue_size: limit = 0, default_timeout_microseconds: timeout = 0, timeout_action: action } = policy;
  return {
    ...(limit === 0 ? {} : { limit }),
    ...(timeout === 0 ? {} : { timeoutMs: timeout / 1000, timeoutAction: action === "DELAY" ? "delay" : "reject" }),
  };
}

/** In Triton each priority has a queue of its own, with the default policy where it has none. */
function queuePolicy(dynamic: ConfigDynamicBatching): QueuePolicy {
  const { priority_levels: levels = 0, default_priority_level: usual, default_queue_policy: common = {} } = dynamic;
  if (levels === 0) return queueLevel(common);
  const policies = Array.from({ length: levels }, (_, index) => {
    return queueLevel(dynamic.priority_queue_policy?.get(index + 1) ?? common);
  });
  const limits = policies.flatMap(({ limit }) => (limit === undefined ? [] : [limit]));
  return {
    ...(limits.length === levels ? { limit: limits.reduce((sum, limit) => sum + limit, 0) } : {}),
    ...(usual === undefined ? {} : { defaultPriority: usual }),
    priorities: Object.fromEntries(policies.map((policy, index) => [index + 1, policy])),
  };
}

function sequenceOptions(sequence: ConfigSequenceBatching): NonNullable<ModelSettings["sequence"]> {
  const { state = [], max_sequence_idle_microseconds: idle = 0 } = sequence;
  return {
    states: state.map(({ input_name: input = "", output_name: output = "" }) => ({ input, output })),
    ...(idle === 0 ? {} : { idleTimeoutMs: idle / 1000 }),
  };
}

function ensembleOptions({
  input = [],
  output = [],
  ensemble_scheduling: ensemble,
}: ModelConfig): NonNullable<ModelSettings["ensemble"]> {
  const names = (tensors: readonly ConfigTensor[]): string[] => tensors.map(({ name = "" }) => name);
  const steps = (ensemble?.step ?? []).map((step) => {
    const { model_name: model = "", model_version: version = -1 } = step;
    return {
      model,
      ...(version > 0 ? { version: String(version) } : {}),
      inputs: Object.fromEntries(step.input_map ?? []),
      outputs: Object.fromEntries(step.output_map ?? []),
    };
  });
  return { inputs: names(input), outputs: names(output), steps };
}
