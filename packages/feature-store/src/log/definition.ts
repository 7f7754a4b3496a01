import { contentHash } from "../define/content-hash.ts";
import { resolveSelection, type ResolvedSelection, type View } from "../define/selection.ts";
import type { FeatureService } from "../define/service.ts";
import type { ValueType } from "../define/value-type.ts";
import { featureStoreError } from "../errors.ts";

/** The features that a log has columns for: a service's, or a selection of views. */
export type LoggedFeatures =
  | { readonly service: FeatureService }
  | { readonly views: readonly View[]; readonly features: readonly string[] };

/** The columns of a log that are no features. A key or input of such a name cannot be logged. */
export const logColumns = {
  /** Text: names the read that the row was served by. */
  request: "request_id",
  /** Int32: the place of the entity in the read. */
  row: "request_row",
  /** Timestamp in UTC: the moment the read was as of. */
  time: "served_at",
  /** Text: the version of the service, or the content hash of the selection and the versions of its views. */
  definition: "definition",
} as const;

/** What a log keeps of each read. */
export interface LogDefinition {
  readonly hash: string;
  readonly selection: ResolvedSelection;
  /** Keys and inputs by name, each once. */
  readonly given: readonly { readonly name: string; readonly type: ValueType }[];
}

/** @throws FEATURE_UNKNOWN; DEFINITION_INVALID for a key that has the name of a column of the log, or two types */
export function logDefinition(logged: LoggedFeatures): LogDefinition {
  const [views, features] =
    "service" in logged ? [logged.service.views, logged.service.features] : [logged.views, logged.features];
  const selection = resolveSelection(views, features);
  const used: readonly View[] = [...selection.views, ...selection.onDemand].map(({ view }) => view);
  const pins = Object.fromEntries(used.map(({ name, version }) => [name, version]));
  const hash =
    "service" in logged ? logged.service.version : contentHash({ kind: "log", features: selection.names, pins });
  return { hash, selection, given: givenColumns(used) };
}

function givenColumns(views: readonly View[]): LogDefinition["given"] {
  const given = new Map<string, ValueType>();
  const reserved: readonly string[] = Object.values(logColumns);
  const invalid = (name: string, rule: string): Error =>
    featureStoreError("DEFINITION_INVALID", { of: "A feature log", value: name, rule });
  for (const view of views) {
    const columns = view.kind === "view" ? view.keys.map(({ name, type }) => [name, type] as const) : inputs(view);
    for (const [name, type] of columns) {
      if (reserved.includes(name)) throw invalid(name, "the log has a column of that name of its own");
      if ((given.get(name) ?? type) !== type) throw invalid(name, "two views take it as two types");
      given.set(name, type);
    }
  }
  return [...given].map(([name, type]) => ({ name, type }));
}

const inputs = (view: View & { readonly kind: "on-demand" }): (readonly [string, ValueType])[] =>
  Object.entries(view.input);
