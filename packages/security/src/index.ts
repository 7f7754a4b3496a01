export * from "./audit/index.ts";
export * from "./authorize/index.ts";
export * from "./encrypt/index.ts";
export { securityError, securityErrors } from "./errors.ts";
export {
  type Guarded,
  guarded,
  type GuardedAction,
  type GuardedActions,
  type GuardOptions,
  iterated,
  type IteratedRule,
} from "./guard/guarded.ts";
export * from "./identity/index.ts";
export { type FileSecrets, fileSecrets, type FileSecretsOptions } from "./secrets/file.ts";
