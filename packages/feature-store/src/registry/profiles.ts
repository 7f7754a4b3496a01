import type { SqlExecutor } from "@ashlar/core";
import { featureStoreError } from "../errors.ts";
import { assertLimit } from "./search.ts";
import type { Profile } from "../validate/profile.ts";

const subjects = ["source", "training", "offline", "served"] as const;

/** What rows a profile is of: the view's source, a training set, values from history, or a log of what was served. */
export type ProfileSubject = (typeof subjects)[number];

export interface ProfileRecord {
  readonly view: string;
  /** Of the view. */
  readonly version: string;
  readonly of: ProfileSubject;
  readonly profile: Profile;
  /** Which rows they were: the fingerprint of a table, the digest of a training set; null when it was not said. */
  readonly rows: string | null;
}

export interface ProfileEntry extends ProfileRecord {
  /** Ascending in the order they were recorded. */
  readonly id: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface ProfileQuery {
  /** Default every version. */
  readonly version?: string;
  readonly of?: ProfileSubject;
  /** Recorded at or after, and before, in epoch milliseconds. */
  readonly since?: number;
  readonly until?: number;
  /** From 1 to 1000; default 100. */
  readonly limit?: number;
}

/** @returns its id @throws DEFINITION_NOT_FOUND for a version that was never applied; REQUEST_INVALID for an unknown subject */
export async function recordProfile(
  tx: SqlExecutor,
  { view, version, of, profile, rows }: Omit<ProfileRecord, "rows"> & { readonly rows?: string },
  at: number,
): Promise<number> {
  assertSubject(of);
  const known = await tx.query("SELECT 1 FROM feature_definition WHERE kind = 'view' AND name = ? AND version = ?", [
    view,
    version,
  ]);
  if (known.length === 0) throw featureStoreError("DEFINITION_NOT_FOUND", { kind: "view", name: view, version });
  await tx.run("INSERT INTO feature_profile (view, version, subject, rows, body, at) VALUES (?, ?, ?, ?, ?, ?)", [
    view,
    version,
    of,
    rows ?? null,
    JSON.stringify(profile),
    at,
  ]);
  const [row] = await tx.query<{ id: number }>("SELECT max(id) AS id FROM feature_profile");
  return Number(row?.id);
}

/** Newest first. @throws REQUEST_INVALID */
export async function listProfiles(
  database: SqlExecutor,
  view: string,
  { version, of, since = -8.64e15, until = 8.64e15, limit = 100 }: ProfileQuery,
): Promise<ProfileEntry[]> {
  if (of !== undefined) assertSubject(of);
  assertLimit(limit);
  type Row = Omit<ProfileEntry, "of" | "profile"> & { readonly subject: ProfileSubject; readonly body: string };
  const rows = await database.query<Row>(
    `SELECT id, view, version, subject, rows, body, at FROM feature_profile
       WHERE view = ? AND version = coalesce(?, version) AND subject = coalesce(?, subject) AND at >= ? AND at < ?
       ORDER BY id DESC LIMIT ?`,
    [view, version ?? null, of ?? null, since, until, limit],
  );
  return rows.map(({ subject, body, ...row }) => ({ ...row, of: subject, profile: JSON.parse(body) as Profile }));
}

function assertSubject(of: unknown): void {
  if (subjects.some((each) => each === of)) return;
  const rule = `a profile is of one of ${subjects.join(", ")}, not of ${JSON.stringify(of)}`;
  throw featureStoreError("REQUEST_INVALID", { rule });
}
