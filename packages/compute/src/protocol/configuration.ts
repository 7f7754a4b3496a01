import type { Servable } from "../infer/servable.ts";
import type { TensorSpec } from "../infer/tensor.ts";
import { datatypeOf } from "./datatypes.ts";

/** A tensor as Triton's `ModelConfig` has it: without the batch axis. */
export interface ConfigurationTensor {
  readonly name: string;
  readonly data_type: string;
  readonly dims: readonly number[];
}

/** The part of Triton's `ModelConfig` that says something of a model served here. */
export interface ModelConfiguration {
  readonly name: string;
  readonly platform: string;
  readonly backend: string;
  /** 0 when requests are not joined. */
  readonly max_batch_size: number;
  readonly input: readonly ConfigurationTensor[];
  readonly output: readonly ConfigurationTensor[];
  readonly instance_group: readonly { readonly kind: "KIND_CPU"; readonly count: number }[];
  readonly dynamic_batching?: {
    readonly preferred_batch_size: readonly number[];
    readonly max_queue_delay_microseconds: number;
    readonly priority_levels: number;
    readonly default_priority_level: number;
  };
  readonly response_cache?: { readonly enable: boolean };
}

/** `GET /v2/models/{model}/config`. */
export function modelConfiguration(model: Servable): ModelConfiguration {
  const { name, signature, settings, layout } = model;
  const batched = layout !== null && layout.inputs.every((axis) => axis === 0);
  const tensor = (spec: TensorSpec): ConfigurationTensor => {
    const datatype = datatypeOf(spec.type);
    const dims = spec.shape.slice(batched ? 1 : 0).map((length) => length ?? -1);
    return { name: spec.name, data_type: `TYPE_${datatype === "BYTES" ? "STRING" : datatype}`, dims };
  };
  return {
    name,
    platform: model.ensemble === null ? "onnxruntime_onnx" : "ensemble",
    backend: model.ensemble === null ? "onnxruntime" : "",
    max_batch_size: batched ? model.maxBatchRows : 0,
    input: signature.inputs.map(tensor),
    output: signature.outputs.map(tensor),
    instance_group: [{ kind: "KIND_CPU", count: model.liveInstances }],
    ...(settings !== null && layout !== null
      ? {
          dynamic_batching: {
            preferred_batch_size: settings.preferredBatchRows,
            max_queue_delay_microseconds: Math.round(settings.maxDelayMs * 1000),
            priority_levels: 9,
            default_priority_level: settings.queue.defaultPriority ?? 5,
          },
        }
      : {}),
    ...(settings !== null && settings.responseCacheBytes > 0 ? { response_cache: { enable: true } } : {}),
  };
}
