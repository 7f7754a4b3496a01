/** A tensor that a configuration declares. */
export interface ConfigTensor {
  readonly name?: string;
  readonly data_type?: ConfigDataType;
  readonly dims?: readonly number[];
  readonly reshape?: { readonly shape?: readonly number[] };
  readonly is_shape_tensor?: boolean;
  readonly is_non_linear_format_io?: boolean;
}

export type ConfigDataType =
  | "TYPE_INVALID"
  | "TYPE_BOOL"
  | `TYPE_${"UINT" | "INT"}${8 | 16 | 32 | 64}`
  | `TYPE_FP${16 | 32 | 64}`
  | "TYPE_STRING"
  | "TYPE_BF16";

export interface ConfigQueuePolicy {
  readonly timeout_action?: "REJECT" | "DELAY";
  readonly default_timeout_microseconds?: number;
  readonly max_queue_size?: number;
}

export interface ConfigDynamicBatching {
  readonly preferred_batch_size?: readonly number[];
  readonly max_queue_delay_microseconds?: number;
  readonly priority_levels?: number;
  readonly default_priority_level?: number;
  readonly default_queue_policy?: ConfigQueuePolicy;
  readonly priority_queue_policy?: ReadonlyMap<number, ConfigQueuePolicy>;
}

export interface ConfigState {
  readonly input_name?: string;
  readonly output_name?: string;
  readonly data_type?: ConfigDataType;
  readonly dims?: readonly number[];
  readonly initial_state?: readonly {
    readonly name?: string;
    readonly data_type?: ConfigDataType;
    readonly dims?: readonly number[];
    readonly zero_data?: boolean;
    readonly data_file?: string;
  }[];
}

export interface ConfigSequenceBatching {
  readonly max_sequence_idle_microseconds?: number;
  readonly control_input?: readonly { readonly name?: string }[];
  readonly state?: readonly ConfigState[];
  readonly iterative_sequence?: boolean;
  readonly direct?: { readonly max_queue_delay_microseconds?: number };
  readonly oldest?: {
    readonly preferred_batch_size?: readonly number[];
    readonly max_queue_delay_microseconds?: number;
  };
}

export interface ConfigEnsembleStep {
  readonly model_name?: string;
  readonly model_version?: number;
  readonly input_map?: ReadonlyMap<string, string>;
  readonly output_map?: ReadonlyMap<string, string>;
}

export interface ConfigInstanceGroup {
  readonly kind?: "KIND_AUTO" | "KIND_GPU" | "KIND_CPU" | "KIND_MODEL";
  readonly count?: number;
  readonly secondary_devices?: readonly unknown[];
  readonly profile?: readonly unknown[];
  readonly passive?: boolean;
}

/** Triton's `ModelConfig`, by the names of `model_config.proto`, with the fields that mean something here or are refused. */
export interface ModelConfig {
  readonly name?: string;
  readonly platform?: string;
  readonly backend?: string;
  readonly version_policy?: {
    readonly latest?: { readonly num_versions?: number };
    readonly all?: object;
    readonly specific?: { readonly versions?: readonly number[] };
  };
  readonly max_batch_size?: number;
  readonly input?: readonly (ConfigTensor & { readonly allow_ragged_batch?: boolean; readonly optional?: boolean })[];
  readonly output?: readonly (ConfigTensor & { readonly label_filename?: string })[];
  readonly batch_input?: readonly unknown[];
  readonly batch_output?: readonly unknown[];
  readonly dynamic_batching?: ConfigDynamicBatching;
  readonly sequence_batching?: ConfigSequenceBatching;
  readonly ensemble_scheduling?: { readonly step?: readonly ConfigEnsembleStep[] };
  readonly instance_group?: readonly ConfigInstanceGroup[];
  readonly default_model_filename?: string;
  readonly model_operations?: { readonly op_library_filename?: readonly string[] };
  readonly model_transaction_policy?: { readonly decoupled?: boolean };
  readonly model_repository_agents?: { readonly agents?: readonly unknown[] };
  readonly response_cache?: { readonly enable?: boolean };
}
