import type { SqlExecutor } from "@ashlar/core";
import { featureStoreError } from "../errors.ts";
import { addEdges, definitionEdges } from "./lineage.ts";
import { assertTold, type RegistryPlan } from "./plan.ts";
import { activeDefinitions } from "./search.ts";
import type { DefinitionRecord } from "./version.ts";

export interface ApplyOptions {
  /** Who applies it. */
  readonly by: string;
  /** Why; default empty. */
  readonly message?: string;
}

/** @throws REQUEST_INVALID */
export function assertApplyOptions({ by, message = "" }: ApplyOptions): void {
  principalOf(by);
  if (typeof message === "string") return;
  throw featureStoreError("REQUEST_INVALID", { rule: `"message" is text, not ${JSON.stringify(message)}` });
}

/** @throws REQUEST_INVALID */
export function principalOf(by: unknown): string {
  if (typeof by === "string" && by.length > 0) return by;
  throw featureStoreError("REQUEST_INVALID", { rule: `"by" names who does it, not ${JSON.stringify(by)}` });
}

/** The newest revision; 0 before the first. */
export async function currentRevision(database: SqlExecutor): Promise<number> {
  const rows = await database.query<{ revision: number }>(
    "SELECT coalesce(max(revision), 0) AS revision FROM feature_revision",
  );
  return Number(rows[0]?.revision ?? 0);
}

/** Carries a plan out in the transaction it is given. @returns the new revision @throws REGISTRY_CONFLICT, PLAN_INVALID */
export async function applyPlan(
  tx: SqlExecutor,
  plan: RegistryPlan,
  { by, message = "" }: ApplyOptions,
  at: number,
): Promise<number> {
  const found = await currentRevision(tx);
  if (found !== plan.revision) throw featureStoreError("REGISTRY_CONFLICT", { expected: plan.revision, found });
  assertTold(plan, await activeDefinitions(tx));
  if (plan.changes.length === 0) return found;
  const revision = found + 1;
  await tx.run("INSERT INTO feature_revision (revision, plan, by, message, at) VALUES (?, ?, ?, ?, ?)", [
    revision,
    JSON.stringify(plan.changes),
    by,
    message,
    at,
  ]);
  for (const record of [...plan.definitions, ...plan.pinned]) await keep(tx, record, revision, at);
  for (const { kind, name, action } of plan.changes) {
    await tx.run("DELETE FROM feature_active WHERE kind = ? AND name = ?", [kind, name]);
    const record = plan.definitions.find((each) => each.kind === kind && each.name === name);
    if (action !== "remove" && record !== undefined) await activate(tx, record, revision);
  }
  return revision;
}

async function keep(tx: SqlExecutor, record: DefinitionRecord, revision: number, at: number): Promise<void> {
  await tx.run(
    "INSERT INTO feature_definition (kind, name, version, body, revision) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    [record.kind, record.name, record.version, JSON.stringify(record), revision],
  );
  await addEdges(tx, definitionEdges(record), at);
}

async function activate(tx: SqlExecutor, record: DefinitionRecord, revision: number): Promise<void> {
  const { kind, name, version, about, entities, features } = record;
  const search = [name, about.owner, about.description, ...about.tags, ...Object.keys(features)].join("\n");
  await tx.run(
    `INSERT INTO feature_active (kind, name, version, owner, about, search, revision) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    [kind, name, version, about.owner ?? null, JSON.stringify(about), search.toLowerCase(), revision],
  );
  const labels = [
    ...about.tags.map((value) => ["tag", value] as const),
    ...entities.map((value) => ["entity", value] as const),
  ];
  for (const [field, value] of labels) {
    await tx.run("INSERT INTO feature_label (kind, name, field, value) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", [
      kind,
      name,
      field,
      value,
    ]);
  }
}
