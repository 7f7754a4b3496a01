import type { AuditSink, Authorizer } from "@ashlar/core";
import type { ModelRegistry } from "@ashlar/model-registry";
import { type Guarded, guarded, type GuardedAction } from "@ashlar/security";

export type GuardedRegistry = Guarded<ModelRegistry>;

/** The registry for one principal: each call is decided, recorded, made, and recorded. */
export function guardRegistry(
  registry: ModelRegistry,
  options: { readonly authorizer: Authorizer; readonly audit: AuditSink; readonly principal: string },
): GuardedRegistry {
  const on =
    (verb: string) =>
    (name: string): GuardedAction => ({ action: `Registry::${verb}`, resource: `Model::${name}` });
  return guarded(registry, {
    ...options,
    actions: {
      register: on("register"),
      approve: on("approve"),
      promote: (name, { alias, to }) => ({ ...on("promote")(name), details: { alias, to } }),
      rollback: (name, { alias }) => ({ ...on("promote")(name), details: { alias } }),
      model: on("read"),
      get: on("read"),
      versions: on("read"),
      load: (reference) => on("read")(reference.split(/[@/]/)[0] ?? reference),
    },
  });
}
