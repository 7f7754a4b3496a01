import { encodeCursor, decodeCursor, type Page, type SqlExecutor, type SqlValue } from "@ashlar/core";
import type { About } from "../define/about.ts";
import { featureStoreError } from "../errors.ts";
import type { DefinitionRecord } from "./version.ts";

/** What all must hold; an empty search finds everything. */
export interface SearchRequest {
  /** Part of a name, a feature's name, a description, an owner or a tag; letters of either case. */
  readonly text?: string;
  readonly entity?: string;
  readonly owner?: string;
  readonly tag?: string;
  /** From 1 to 1000; default 100. */
  readonly limit?: number;
  readonly cursor?: string;
}

/** Active definitions by kind and name. @throws REQUEST_INVALID, INVALID_CURSOR */
export async function search(database: SqlExecutor, request: SearchRequest): Promise<Page<DefinitionRecord>> {
  const { text, entity, owner, tag, limit = 100, cursor } = request;
  assertLimit(limit);
  const wheres: string[] = [];
  const parameters: SqlValue[] = [];
  const where = (sql: string, ...values: SqlValue[]): void => {
    wheres.push(sql);
    parameters.push(...values);
  };
  const label = `EXISTS (SELECT 1 FROM feature_label AS l WHERE l.field = ? AND l.value = ? AND l.kind = a.kind AND l.name = a.name)`;
  if (text !== undefined) where("instr(a.search, ?) > 0", text.toLowerCase());
  if (owner !== undefined) where("a.owner = ?", owner);
  if (entity !== undefined) where(label, "entity", entity);
  if (tag !== undefined) where(label, "tag", tag);
  if (cursor !== undefined) {
    const [kind = "", name = ""] = decodeCursor(cursor);
    where("(a.kind, a.name) > (?, ?)", kind, name);
  }
  const rows = await database.query<{ body: string; about: string }>(
    `SELECT d.body, a.about FROM feature_active AS a
       JOIN feature_definition AS d ON d.kind = a.kind AND d.name = a.name AND d.version = a.version
     ${wheres.length > 0 ? `WHERE ${wheres.join(" AND ")}` : ""} ORDER BY a.kind, a.name LIMIT ?`,
    [...parameters, limit + 1],
  );
  const items = rows.slice(0, limit).map((row) => withAbout(row.body, row.about));
  const last = items.at(-1);
  return rows.length > limit && last !== undefined ? { items, next: encodeCursor([last.kind, last.name]) } : { items };
}

/** @throws REQUEST_INVALID */
export function assertLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1000) return;
  throw featureStoreError("REQUEST_INVALID", { rule: `limit is a whole number from 1 to 1000, not ${limit}` });
}

/** Everything that is active. */
export async function activeDefinitions(database: SqlExecutor): Promise<DefinitionRecord[]> {
  const rows = await database.query<{ body: string; about: string }>(
    `SELECT d.body, a.about FROM feature_active AS a
       JOIN feature_definition AS d ON d.kind = a.kind AND d.name = a.name AND d.version = a.version
     ORDER BY a.kind, a.name`,
  );
  return rows.map((row) => withAbout(row.body, row.about));
}

/** A definition is kept once, as it was first described; how it is described now stands with what is active. */
const withAbout = (body: string, about: string): DefinitionRecord => ({
  ...(JSON.parse(body) as DefinitionRecord),
  about: JSON.parse(about) as About,
});
