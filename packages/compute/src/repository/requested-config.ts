import type { ModelSettings } from "../infer/model-settings.ts";
import { configSettings, declaredSignature } from "./config-settings.ts";
import type { DeclaredSignature } from "./declared-signature.ts";
import { configError, configParameter, isModelConfig, readJsonModelConfig } from "./model-config.ts";
import { modelFiles } from "./source.ts";

/**
 * What a request to load says instead of the files beside the model: settings of this package, or a `ModelConfig` as
 * Triton's clients send it.
 *
 * @throws MODEL_CONFIG_INVALID
 */
export function requestedConfig(
  model: string,
  value: unknown,
): { readonly settings: unknown; readonly declared: DeclaredSignature | undefined } {
  if (!isModelConfig(value)) return { settings: value, declared: undefined };
  const config = readJsonModelConfig(model, value);
  const labelled = (config.output ?? []).findIndex(({ label_filename: file = "" }) => file !== "");
  // Triton tells the usual name of every model, and clients send it back.
  const { default_model_filename: file = "" } = config;
  const field = labelled >= 0 ? `output[${labelled}].label_filename` : "default_model_filename";
  if (labelled >= 0 || (file !== "" && file !== modelFiles[0])) {
    const rule = "files are named by the config.pbtxt that lies beside them";
    const remedy = "Write it there, and load the model without a configuration.";
    throw configError(model, { what: `${field} is given`, rule, remedy }, configParameter);
  }
  const settings: ModelSettings = configSettings(model, config, new Map(), configParameter);
  return { settings, declared: declaredSignature(config, configParameter) };
}
