import type { SqlExecutor } from "@ashlar/core";
import type { About } from "../define/about.ts";
import { contentHash } from "../define/content-hash.ts";
import type { FeatureService } from "../define/service.ts";
import { pushDefinition } from "../define/push-source.ts";
import { featureNames, type View } from "../define/selection.ts";
import { featureStoreError } from "../errors.ts";

export type DefinitionKind = "view" | "service";

/** A definition as the registry keeps it: plain JSON, without the source's rows or a function's body. */
export interface DefinitionRecord {
  /** On-demand views are views. */
  readonly kind: DefinitionKind;
  readonly name: string;
  readonly version: string;
  readonly about: About;
  readonly entities: readonly string[];
  /** Of a view its own names, of a service `view:feature`; each with the hash of what it says. */
  readonly features: Readonly<Record<string, string>>;
  /** The table a view reads; of none in an on-demand view and a service. */
  readonly source: string | null;
  /** What a service pins. */
  readonly pins: Readonly<Record<string, string>>;
  /** What else the definition says, by option: ttl, eventTime, keys, ... */
  readonly body: Readonly<Record<string, unknown>>;
}

export function viewRecord(view: View): DefinitionRecord {
  const shared = { kind: "view", name: view.name, version: view.version, about: view.about, pins: {} } as const;
  if (view.kind === "on-demand") {
    const { input, output } = view;
    return { ...shared, entities: [], features: hashes(output), source: null, body: plain({ input, output }) };
  }
  const { eventTime, knownAt, ttl, keys, features, push } = view;
  return {
    ...shared,
    entities: view.entities.map(({ name }) => name),
    features: hashes(features),
    source: view.source.name,
    body: plain({ eventTime, knownAt, ttl, keys, features, push: pushDefinition(push) }),
  };
}

export function serviceRecord(service: FeatureService): DefinitionRecord {
  const { name, version, about, pins, views } = service;
  const used = views.filter((view) => Object.hasOwn(pins, view.name));
  const features = used.flatMap((view) => {
    const { features: own } = viewRecord(view);
    return featureNames(view).map((feature) => [`${view.name}:${feature}`, own[feature] as string] as const);
  });
  return {
    kind: "service",
    name,
    version,
    about,
    entities: [...new Set(used.flatMap((view) => viewRecord(view).entities))],
    features: Object.fromEntries(features.filter(([feature]) => service.features.includes(feature))),
    source: null,
    pins,
    body: { features: service.features },
  };
}

const hashes = (of: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(Object.entries(of).map(([name, each]) => [name, contentHash(each)]));

/** Whether a value that was read has the parts of a record. */
export function isRecord(value: unknown): value is DefinitionRecord {
  if (typeof value !== "object" || value === null) return false;
  const { kind, name, version, about, entities, features, pins, body } = value as Partial<DefinitionRecord>;
  const parts = [about, features, pins, body].every((part) => typeof part === "object" && part !== null);
  return (
    parts &&
    (kind === "view" || kind === "service") &&
    typeof name === "string" &&
    typeof version === "string" &&
    Array.isArray(entities) &&
    Array.isArray(about?.tags)
  );
}

/** The version of what a record says; undefined for an on-demand view, of which it lacks the function. */
export function versionOf({ kind, name, source, pins, body }: DefinitionRecord): string | undefined {
  if (kind === "service") return contentHash({ kind, name, features: body["features"], pins });
  return source === null ? undefined : contentHash({ kind, name, source, ...body });
}

/** As JSON has it; an endless ttl or window is `"forever"`. */
function plain(value: object): Readonly<Record<string, unknown>> {
  const text = JSON.stringify(value, (_, inner: unknown) => (inner === Infinity ? "forever" : inner));
  return JSON.parse(text) as Readonly<Record<string, unknown>>;
}

/** The latest version of a definition, or an older one: what was ever applied stays readable. */
export async function readVersion(
  database: SqlExecutor,
  kind: DefinitionKind,
  name: string,
  version: string | undefined,
): Promise<DefinitionRecord> {
  const rows = await database.query<{ body: string }>(
    `SELECT body FROM feature_definition WHERE kind = ? AND name = ? AND version = coalesce(?,
       (SELECT version FROM feature_active WHERE kind = ? AND name = ?))`,
    [kind, name, version ?? null, kind, name],
  );
  if (rows[0] === undefined) throw featureStoreError("DEFINITION_NOT_FOUND", { kind, name, version });
  return JSON.parse(rows[0].body) as DefinitionRecord;
}

export interface VersionEntry {
  readonly version: string;
  /** The revision it was first applied in. */
  readonly revision: number;
  readonly at: number;
  readonly by: string;
  readonly active: boolean;
}

/** Newest first. */
export async function listVersions(
  database: SqlExecutor,
  kind: DefinitionKind,
  name: string,
): Promise<readonly VersionEntry[]> {
  const rows = await database.query<Omit<VersionEntry, "active"> & { active: number }>(
    `SELECT d.version, d.revision, r.at, r.by, a.version IS NOT NULL AS active FROM feature_definition AS d
       JOIN feature_revision AS r ON r.revision = d.revision
       LEFT JOIN feature_active AS a ON a.kind = d.kind AND a.name = d.name AND a.version = d.version
     WHERE d.kind = ? AND d.name = ? ORDER BY d.revision DESC, d.version`,
    [kind, name],
  );
  if (rows.length === 0) throw featureStoreError("DEFINITION_NOT_FOUND", { kind, name, version: undefined });
  return rows.map((row) => ({ ...row, active: row.active === 1 }));
}
