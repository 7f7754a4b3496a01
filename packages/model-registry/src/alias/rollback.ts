import type { SqlExecutor } from "@ashlar/core";
import { canonicalJson, sha256 } from "../digest.ts";
import { registryError } from "../errors.ts";
import { assertAliasName, assertIdentity, assertModelName, assertText, assertVersionNumber } from "../name.ts";
import { assertModel } from "../version/version.ts";
import { type AliasMove, type MoveRow, readMove } from "./history.ts";
import { assertExpected, earlierMove, standingOf, writeMove } from "./move.ts";
import type { AliasContext } from "./promote.ts";

export interface RollbackRequest {
  readonly alias: string;
  readonly by: string;
  /** Why; it is kept in the history. */
  readonly reason: string;
  /** The version it must point to now. @default whatever it points to */
  readonly expected?: number;
  /** A second call with the same key gives the move of the first, instead of going back once more. */
  readonly idempotencyKey?: string;
}

/** The same as a rollback, but the alias then points to nothing. */
export type RemoveRequest = RollbackRequest;

/**
 * Points an alias back to what it pointed to before. Repeated, it goes further back: a rollback is itself never the
 * target of one. Versions deleted since are passed over. Gates and approvals were those of the earlier promotion.
 *
 * @throws ROLLBACK_IMPOSSIBLE, ALIAS_NOT_FOUND, ALIAS_CONFLICT
 */
export function rollback(context: AliasContext, model: string, request: RollbackRequest): Promise<AliasMove> {
  return step(context, model, request, "rollback", async (tx, last) => {
    const target = await earlierTarget(tx, last);
    if (target !== undefined) return { to: target.to_number ?? undefined, previousRevision: target.previous_revision };
    const reason = "it has no earlier target that still exists";
    throw registryError("ROLLBACK_IMPOSSIBLE", { model, alias: request.alias, reason });
  });
}

/** Makes an alias point to nothing. Its history stays, and a rollback brings it back. */
export function removeAlias(context: AliasContext, model: string, request: RemoveRequest): Promise<AliasMove> {
  return step(context, model, request, "remove", async (_tx, last) => {
    if (last.to_number !== null) return { to: undefined, previousRevision: last.revision };
    throw registryError("ALIAS_NOT_FOUND", { model, alias: request.alias });
  });
}

type Target = Promise<{ readonly to: number | undefined; readonly previousRevision: number | null }>;

async function step(
  context: AliasContext,
  model: string,
  request: RollbackRequest,
  kind: "rollback" | "remove",
  decide: (tx: SqlExecutor, last: MoveRow) => Target,
): Promise<AliasMove> {
  const { alias, by, reason = "", expected, idempotencyKey: key } = request;
  assertModelName(model);
  assertAliasName(alias);
  assertIdentity(by, "by");
  assertText(reason, "reason");
  if (expected !== undefined) assertVersionNumber(expected, "expected version");
  if (key !== undefined) assertIdentity(key, "idempotency key");
  const requestDigest = sha256(canonicalJson({ kind, expected: expected ?? null, by }));

  const move = await context.database.transaction(async (tx) => {
    await assertModel(tx, model);
    const earlier = await earlierMove(tx, model, alias, key, requestDigest);
    if (earlier !== undefined) return earlier;
    const standing = await standingOf(tx, model, alias);
    if (expected !== undefined) assertExpected(model, alias, standing, expected);
    const last = await readMove(tx, model, alias, standing.revision);
    if (last === undefined) throw registryError("ALIAS_NOT_FOUND", { model, alias });
    const target = await decide(tx, last);
    const decision = { ...target, model, alias, kind, by, reason, now: context.now(), gates: [], approvals: [] };
    return writeMove(tx, standing, { ...decision, key, requestDigest }, context.failpoint);
  });
  context.failpoint("alias-committed");
  return move;
}

/** The nearest earlier move whose version is still there. Each points to an earlier one, so the walk ends. */
async function earlierTarget(tx: SqlExecutor, last: MoveRow): Promise<MoveRow | undefined> {
  const { model, alias } = last;
  let revision = last.previous_revision;
  while (revision !== null) {
    const move = await readMove(tx, model, alias, revision);
    if (move === undefined) return undefined;
    if (move.to_number !== null && (await exists(tx, model, move.to_number))) return move;
    revision = move.previous_revision;
  }
  return undefined;
}

async function exists(tx: SqlExecutor, model: string, number: number): Promise<boolean> {
  const sql = "SELECT 1 FROM registry_version WHERE model = ? AND number = ? AND deleted_at IS NULL";
  return (await tx.query(sql, [model, number])).length > 0;
}
