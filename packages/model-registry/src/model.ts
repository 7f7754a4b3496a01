import { coreError, decodeCursor, type Page, type PageRequest, type SqlDatabase } from "@ashlar/core";
import { pageLimit, pageOf } from "./page.ts";
import { assertModel, type ModelVersion, type VersionRow, withDetails } from "./version/version.ts";

/** A model: a name under which versions are counted. */
export interface Model {
  readonly name: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Versions that are not deleted. */
  readonly versionCount: number;
  /** The highest number that is not deleted. */
  readonly latest: number | undefined;
  /** What each alias points to, by name. */
  readonly aliases: Readonly<Record<string, number>>;
}

interface ModelRow {
  readonly name: string;
  readonly created_at: number;
  readonly version_count: number;
  readonly latest: number | null;
}

const modelColumns = `name, created_at,
  (SELECT count(*) FROM registry_version v WHERE v.model = m.name AND v.deleted_at IS NULL) AS version_count,
  (SELECT max(number) FROM registry_version v WHERE v.model = m.name AND v.deleted_at IS NULL) AS latest`;

/** @throws MODEL_NOT_FOUND */
export async function readModel(database: SqlDatabase, name: string): Promise<Model> {
  await assertModel(database, name);
  const rows = await database.query<ModelRow>(`SELECT ${modelColumns} FROM registry_model m WHERE name = ?`, [name]);
  return withAliases(database, rows[0] as ModelRow);
}

/** By name, ascending. @throws INVALID_CURSOR, REQUEST_INVALID */
export async function readModels(database: SqlDatabase, request: PageRequest = {}): Promise<Page<Model>> {
  const limit = pageLimit(request);
  const after = request.cursor === undefined ? "" : textOf(request.cursor);
  const rows = await database.query<ModelRow>(
    `SELECT ${modelColumns} FROM registry_model m WHERE name > ? AND deleted_at IS NULL ORDER BY name LIMIT ?`,
    [after, limit + 1],
  );
  const items: Model[] = [];
  for (const row of rows.slice(0, limit)) items.push(await withAliases(database, row));
  return pageOf(items, rows.length > limit, (last) => [last.name]);
}

/** Newest first. @throws MODEL_NOT_FOUND, INVALID_CURSOR, REQUEST_INVALID */
export async function readVersions(
  database: SqlDatabase,
  name: string,
  request: PageRequest = {},
): Promise<Page<ModelVersion>> {
  const limit = pageLimit(request);
  const before = request.cursor === undefined ? Number.MAX_SAFE_INTEGER : numberOf(request.cursor);
  await assertModel(database, name);
  const rows = await database.query<VersionRow>(
    `SELECT * FROM registry_version WHERE model = ? AND number < ? AND deleted_at IS NULL
     ORDER BY number DESC LIMIT ?`,
    [name, before, limit + 1],
  );
  const items = await withDetails(database, name, rows.slice(0, limit));
  return pageOf(items, rows.length > limit, (last) => [last.number]);
}

async function withAliases(database: SqlDatabase, row: ModelRow): Promise<Model> {
  const aliases = await database.query<{ alias: string; number: number }>(
    "SELECT alias, number FROM registry_alias WHERE model = ? AND number IS NOT NULL ORDER BY alias",
    [row.name],
  );
  return {
    name: row.name,
    createdAt: row.created_at,
    versionCount: row.version_count,
    latest: row.latest ?? undefined,
    aliases: Object.fromEntries(aliases.map(({ alias, number }) => [alias, number])),
  };
}

function textOf(cursor: string): string {
  const [name, ...rest] = decodeCursor(cursor);
  if (typeof name !== "string" || rest.length > 0) throw coreError("INVALID_CURSOR", { cursor });
  return name;
}

function numberOf(cursor: string): number {
  const [number, ...rest] = decodeCursor(cursor);
  if (typeof number !== "number" || rest.length > 0) throw coreError("INVALID_CURSOR", { cursor });
  return number;
}
