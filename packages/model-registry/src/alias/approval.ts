import type { SqlExecutor } from "@ashlar/core";
import { registryError } from "../errors.ts";
import { identityKey, sameIdentity } from "../name.ts";
import type { ModelVersion } from "../version/version.ts";

/** That somebody has looked at a version and agrees to it. It is recorded; passing it on proves nothing by itself. */
export interface Approval {
  readonly id: string;
  readonly name: string;
  readonly number: number;
  /** The only alias it is meant for; undefined for any. */
  readonly alias: string | undefined;
  readonly by: string;
  readonly comment: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

interface ApprovalRow {
  readonly id: string;
  readonly model: string;
  readonly number: number;
  readonly alias: string | null;
  readonly by: string;
  readonly comment: string;
  readonly at: number;
}

/** Records an approval. @throws APPROVAL_INVALID when the author approves */
export async function recordApproval(tx: SqlExecutor, approval: Approval, version: ModelVersion): Promise<void> {
  assertNot(approval, version.author, "the author of a version cannot approve it");
  await tx.run(
    `INSERT INTO registry_approval (id, model, number, alias, by, comment, at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    [approval.id, approval.name, approval.number, approval.alias ?? null, approval.by, approval.comment, approval.at],
  );
}

/** Of one version, oldest first. */
export async function readApprovals(database: SqlExecutor, model: string, number: number): Promise<Approval[]> {
  const sql = "SELECT * FROM registry_approval WHERE model = ? AND number = ? ORDER BY at, id";
  return (await database.query<ApprovalRow>(sql, [model, number])).map(toApproval);
}

export interface ApprovalRule {
  readonly candidate: ModelVersion;
  readonly alias: string;
  readonly promoter: string;
  /** People who must have approved. */
  readonly needed: number;
}

/**
 * Finds the recorded approvals by their ids: what the caller says is in them does not matter.
 *
 * @throws APPROVAL_INVALID, APPROVALS_MISSING
 */
export async function checkApprovals(
  tx: SqlExecutor,
  given: readonly { readonly id: string }[],
  { candidate, alias, promoter, needed }: ApprovalRule,
): Promise<Approval[]> {
  const { name, number, author } = candidate;
  const recorded = await readApprovals(tx, name, number);
  const approvals: Approval[] = [];
  for (const id of new Set(given.map((approval) => approval.id))) {
    const approval = recorded.find((other) => other.id === id);
    if (approval === undefined) {
      const rule = `it is not recorded for version ${number} of "${name}"`;
      throw registryError("APPROVAL_INVALID", { approval: String(id), by: "nobody", rule });
    }
    assertNot(approval, author, "the author of a version cannot approve it");
    assertNot(approval, promoter, "whoever promotes a version cannot be its approver");
    if (approval.alias !== undefined && approval.alias !== alias) {
      const rule = `it was given for the alias "${approval.alias}", and "${alias}" is to move`;
      throw registryError("APPROVAL_INVALID", { approval: id, by: approval.by, rule });
    }
    approvals.push(approval);
  }
  const people = new Set(approvals.map(({ by }) => identityKey(by))).size;
  if (people < needed) throw registryError("APPROVALS_MISSING", { model: name, alias, needed, given: people });
  return approvals;
}

function assertNot(approval: Approval, other: string, rule: string): void {
  if (!sameIdentity(approval.by, other)) return;
  throw registryError("APPROVAL_INVALID", { approval: approval.id, by: approval.by, rule });
}

function toApproval({ model, alias, ...row }: ApprovalRow): Approval {
  return { ...row, name: model, alias: alias ?? undefined };
}
