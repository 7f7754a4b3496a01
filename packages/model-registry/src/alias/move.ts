import type { SqlExecutor } from "@ashlar/core";
import { registryError } from "../errors.ts";
import type { Failpoint } from "../failpoint.ts";
import type { GateResult } from "../gate/gate.ts";
import type { Approval } from "./approval.ts";
import { type AliasMove, type MoveRow, readMove, toMove } from "./history.ts";

/** Where an alias stands. */
export interface Standing {
  /** Undefined when it points to nothing. */
  readonly current: number | undefined;
  /** Of the last move; 0 before the first. */
  readonly revision: number;
}

/** A move that has been decided upon. */
export interface Decision {
  readonly model: string;
  readonly alias: string;
  readonly kind: AliasMove["kind"];
  readonly to: number | undefined;
  /** The move a later rollback goes back to. */
  readonly previousRevision: number | null;
  readonly by: string;
  readonly reason: string;
  readonly now: number;
  readonly gates: readonly GateResult[];
  readonly approvals: readonly Approval[];
  readonly key: string | undefined;
  readonly requestDigest: string;
}

export async function standingOf(database: SqlExecutor, model: string, alias: string): Promise<Standing> {
  const [row] = await database.query<{ number: number | null; revision: number }>(
    "SELECT number, revision FROM registry_alias WHERE model = ? AND alias = ?",
    [model, alias],
  );
  return { current: row?.number ?? undefined, revision: row?.revision ?? 0 };
}

/** @throws ALIAS_CONFLICT */
export function assertExpected(model: string, alias: string, standing: Standing, expected: number | undefined): void {
  const { current, revision } = standing;
  if (current === expected) return;
  throw registryError("ALIAS_CONFLICT", {
    model,
    alias,
    expected: expected ?? null,
    current: current ?? null,
    revision,
  });
}

/** The move an idempotency key was first used for. @throws IDEMPOTENCY_CONFLICT when that was another request */
export async function earlierMove(
  database: SqlExecutor,
  model: string,
  alias: string,
  key: string | undefined,
  requestDigest: string,
): Promise<AliasMove | undefined> {
  if (key === undefined) return undefined;
  const sql = "SELECT * FROM registry_alias_move WHERE model = ? AND alias = ? AND idempotency_key = ?";
  const [row] = await database.query<MoveRow>(sql, [model, alias, key]);
  if (row === undefined) return undefined;
  if (row.request_digest === requestDigest) return toMove(row);
  throw registryError("IDEMPOTENCY_CONFLICT", { key, first: `it made revision ${row.revision} of "${alias}"` });
}

/** Writes the alias, its history and the model's revision, inside the caller's transaction. */
export async function writeMove(
  tx: SqlExecutor,
  standing: Standing,
  decision: Decision,
  failpoint: Failpoint,
): Promise<AliasMove> {
  const { model, alias, to } = decision;
  const revision = standing.revision + 1;
  const last = await readMove(tx, model, alias, standing.revision);
  await tx.run(
    `INSERT INTO registry_alias (model, alias, number, revision) VALUES (?, ?, ?, ?)
     ON CONFLICT (model, alias) DO UPDATE SET number = excluded.number, revision = excluded.revision`,
    [model, alias, to ?? null, revision],
  );
  await tx.run("UPDATE registry_model SET alias_revision = alias_revision + 1 WHERE name = ?", [model]);
  await tx.run(
    `INSERT INTO registry_alias_move (model, alias, revision, kind, from_number, to_number, previous_revision, by,
       reason, at, gates, approvals, idempotency_key, request_digest)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      model,
      alias,
      revision,
      decision.kind,
      standing.current ?? null,
      to ?? null,
      decision.previousRevision,
      decision.by,
      decision.reason,
      // A wall clock may go back; the order of the history must not.
      Math.max(decision.now, last?.at ?? 0),
      JSON.stringify(decision.gates),
      JSON.stringify(decision.approvals),
      decision.key ?? null,
      decision.requestDigest,
    ],
  );
  failpoint("alias-moved");
  return toMove((await readMove(tx, model, alias, revision)) as MoveRow);
}
