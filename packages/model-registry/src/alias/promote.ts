import type { SqlDatabase, SqlExecutor } from "@ashlar/core";
import { canonicalJson, sha256 } from "../digest.ts";
import { registryError } from "../errors.ts";
import type { Failpoint } from "../failpoint.ts";
import { assertPassed, evaluateGates, type Gate, type GateContext } from "../gate/gate.ts";
import { assertAliasName, assertIdentity, assertModelName, assertText, assertVersionNumber } from "../name.ts";
import { type ModelVersion, readVersion } from "../version/version.ts";
import { type Approval, checkApprovals } from "./approval.ts";
import type { AliasMove } from "./history.ts";
import { assertExpected, earlierMove, type Standing, standingOf, writeMove } from "./move.ts";

export interface PromoteRequest {
  readonly alias: string;
  /** The version the alias is to point to. */
  readonly to: number;
  /** The version it must point to now; undefined when it must point to nothing. */
  readonly expected: number | undefined;
  /** All must pass, and those of the alias's protection. @default none */
  readonly gates?: readonly Gate[];
  /** Recorded approvals of the version; only their ids are read. @default none */
  readonly approvals?: readonly Pick<Approval, "id">[];
  /** Who promotes; this person's approval does not count. */
  readonly by: string;
  /** @default empty */
  readonly reason?: string;
  /** A second call with the same key gives the move of the first, whatever happened since. */
  readonly idempotencyKey?: string;
}

/** What an alias demands of every promotion, whoever asks. */
export interface AliasProtection {
  /** People other than author and promoter who must have approved. @default 0 */
  readonly approvals?: number;
  /** @default none */
  readonly gates?: readonly Gate[];
}

export interface AliasContext {
  readonly database: SqlDatabase;
  readonly now: () => number;
  readonly failpoint: Failpoint;
  readonly protection: (alias: string) => AliasProtection;
  readonly verifySignature: GateContext["verifySignature"];
}

const maxAttempts = 8;

/** All that a promotion depends on, read at one moment. */
interface Situation extends Standing {
  readonly earlier: AliasMove | undefined;
  readonly candidate: ModelVersion;
  readonly approvals: readonly Approval[];
  /** Grows with every move of any alias of the model. */
  readonly modelRevision: number;
}

/**
 * Moves an alias, or changes nothing.
 *
 * Gates may be slow or call services, so they are asked before the write transaction; inside it everything is read
 * again, and when any alias of the model has moved meanwhile, they are asked again. The effect is that of one
 * transaction, and no lock is held while a gate thinks.
 */
export async function promote(context: AliasContext, model: string, request: PromoteRequest): Promise<AliasMove> {
  check(model, request);
  const { database, failpoint } = context;
  const { alias, to, by, reason = "" } = request;
  const requestDigest = digestOf(request);
  const gates = [...(context.protection(alias).gates ?? []), ...(request.gates ?? [])];

  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const before = await inspect(database, context, model, request, requestDigest);
    if (before.earlier !== undefined) return before.earlier;
    const results = await evaluateGates(gates, await gateContext(context, alias, before));

    const move = await database.transaction(async (tx) => {
      const now = await inspect(tx, context, model, request, requestDigest);
      if (now.earlier !== undefined) return now.earlier;
      if (now.modelRevision !== before.modelRevision) return undefined;
      assertPassed(results);
      return writeMove(
        tx,
        now,
        {
          model,
          alias,
          kind: "promote",
          to,
          previousRevision: now.revision === 0 ? null : now.revision,
          by,
          reason,
          now: context.now(),
          gates: results,
          approvals: now.approvals,
          key: request.idempotencyKey,
          requestDigest,
        },
        failpoint,
      );
    });
    if (move !== undefined) {
      failpoint("alias-committed");
      return move;
    }
  }
  throw registryError("ALIAS_CONTENDED", { model, alias, attempts: maxAttempts });
}

/** @throws ALIAS_CONFLICT, APPROVAL_INVALID, APPROVALS_MISSING, VERSION_NOT_FOUND, VERSION_DELETED, MODEL_NOT_FOUND */
async function inspect(
  database: SqlExecutor,
  context: AliasContext,
  model: string,
  request: PromoteRequest,
  requestDigest: string,
): Promise<Situation> {
  const { alias, to, expected, by } = request;
  // First of all: a move after this read shows as a change of the revision.
  const modelRevision = await revisionOf(database, model);
  const candidate = await readVersion(database, model, to);
  const earlier = await earlierMove(database, model, alias, request.idempotencyKey, requestDigest);
  const standing = await standingOf(database, model, alias);
  if (earlier !== undefined) return { ...standing, earlier, candidate, approvals: [], modelRevision };
  assertExpected(model, alias, standing, expected);
  const needed = context.protection(alias).approvals ?? 0;
  const approvals = await checkApprovals(database, request.approvals ?? [], { candidate, alias, promoter: by, needed });
  return { ...standing, earlier, candidate, approvals, modelRevision };
}

async function gateContext(context: AliasContext, alias: string, situation: Situation): Promise<GateContext> {
  const { database, verifySignature } = context;
  const { candidate, current } = situation;
  const { name } = candidate;
  const versionAt = async (other: string): Promise<ModelVersion | undefined> => {
    const standing = await standingOf(database, name, other);
    return standing.current === undefined ? undefined : readVersion(database, name, standing.current);
  };
  return {
    alias,
    candidate,
    current: current === undefined ? undefined : await readVersion(database, name, current),
    versionAt,
    verifySignature,
  };
}

async function revisionOf(database: SqlExecutor, model: string): Promise<number> {
  const sql = "SELECT alias_revision FROM registry_model WHERE name = ?";
  const [row] = await database.query<{ alias_revision: number }>(sql, [model]);
  return row?.alias_revision ?? 0;
}

function check(model: string, request: PromoteRequest): void {
  assertModelName(model);
  assertAliasName(request.alias);
  assertVersionNumber(request.to);
  if (request.expected !== undefined) assertVersionNumber(request.expected, "expected version");
  assertIdentity(request.by, "by");
  assertText(request.reason, "reason");
  if (request.idempotencyKey !== undefined) assertIdentity(request.idempotencyKey, "idempotency key");
}

function digestOf({ to, expected, by }: PromoteRequest): string {
  return sha256(canonicalJson({ kind: "promote", to, expected: expected ?? null, by }));
}
