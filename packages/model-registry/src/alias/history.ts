import { coreError, decodeCursor, type Page, type SqlExecutor } from "@ashlar/core";
import type { GateResult } from "../gate/gate.ts";
import { pageOf } from "../page.ts";
import type { Approval } from "./approval.ts";

/** One move of an alias. */
export interface AliasMove {
  readonly name: string;
  readonly alias: string;
  /** Counts the moves of this alias, from 1. */
  readonly revision: number;
  readonly kind: "promote" | "rollback" | "remove";
  /** The version it pointed to before; undefined when it did not exist. */
  readonly from: number | undefined;
  /** The version it points to since; undefined when it was removed. */
  readonly to: number | undefined;
  readonly by: string;
  readonly reason: string;
  /** Epoch milliseconds; never earlier than that of the move before. */
  readonly at: number;
  /** What each gate found. */
  readonly gates: readonly GateResult[];
  readonly approvals: readonly Approval[];
}

export interface MoveRow {
  readonly model: string;
  readonly alias: string;
  readonly revision: number;
  readonly kind: AliasMove["kind"];
  readonly from_number: number | null;
  readonly to_number: number | null;
  /** The move whose target a rollback goes back to. */
  readonly previous_revision: number | null;
  readonly by: string;
  readonly reason: string;
  readonly at: number;
  readonly gates: string;
  readonly approvals: string;
  readonly request_digest: string;
}

export function toMove(row: MoveRow): AliasMove {
  return {
    name: row.model,
    alias: row.alias,
    revision: row.revision,
    kind: row.kind,
    from: row.from_number ?? undefined,
    to: row.to_number ?? undefined,
    by: row.by,
    reason: row.reason,
    at: row.at,
    gates: JSON.parse(row.gates) as GateResult[],
    approvals: (JSON.parse(row.approvals) as Approval[]).map((approval) => ({
      ...approval,
      alias: approval.alias ?? undefined,
    })),
  };
}

/** Newest first. @throws INVALID_CURSOR */
export async function readMoves(
  database: SqlExecutor,
  model: string,
  alias: string,
  request: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<AliasMove>> {
  const rows = await database.query<MoveRow>(
    "SELECT * FROM registry_alias_move WHERE model = ? AND alias = ? AND revision < ? ORDER BY revision DESC LIMIT ?",
    [
      model,
      alias,
      request.cursor === undefined ? Number.MAX_SAFE_INTEGER : revisionOf(request.cursor),
      request.limit + 1,
    ],
  );
  const items = rows.slice(0, request.limit).map(toMove);
  return pageOf(items, rows.length > request.limit, (last) => [last.revision]);
}

export async function readMove(
  database: SqlExecutor,
  model: string,
  alias: string,
  revision: number,
): Promise<MoveRow | undefined> {
  const sql = "SELECT * FROM registry_alias_move WHERE model = ? AND alias = ? AND revision = ?";
  return (await database.query<MoveRow>(sql, [model, alias, revision]))[0];
}

/** The version an alias pointed to at a time; undefined when it did not exist then. */
export async function targetAt(
  database: SqlExecutor,
  model: string,
  alias: string,
  time: number,
): Promise<number | undefined> {
  const [row] = await database.query<{ to_number: number | null }>(
    `SELECT to_number FROM registry_alias_move WHERE model = ? AND alias = ? AND at <= ?
     ORDER BY at DESC, revision DESC LIMIT 1`,
    [model, alias, time],
  );
  return row?.to_number ?? undefined;
}

function revisionOf(cursor: string): number {
  const [revision, ...rest] = decodeCursor(cursor);
  if (typeof revision !== "number" || rest.length > 0) throw coreError("INVALID_CURSOR", { cursor });
  return revision;
}
