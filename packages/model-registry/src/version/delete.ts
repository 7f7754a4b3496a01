import type { SqlDatabase, SqlExecutor } from "@ashlar/core";
import { registryError } from "../errors.ts";
import { versionNode } from "../lineage/node.ts";
import { assertIdentity, assertModelName, assertVersionNumber } from "../name.ts";
import { assertModel, readVersion } from "./version.ts";

/**
 * Deletes a version: its number is kept as a tombstone, and its bytes are left to collection.
 *
 * @throws VERSION_IN_USE while an alias points to it, or another version was made of it
 */
export async function deleteVersion(
  database: SqlDatabase,
  model: string,
  number: number,
  options: { readonly by: string; readonly at: number },
): Promise<void> {
  assertModelName(model);
  assertVersionNumber(number);
  assertIdentity(options.by, "by");
  await database.transaction(async (tx) => {
    const { aliases } = await readVersion(tx, model, number);
    const references = [...aliases.map((alias) => `the alias "${alias}"`), ...(await derivedFrom(tx, model, number))];
    if (references.length > 0) throw registryError("VERSION_IN_USE", { model, number, references });
    await tx.run("UPDATE registry_version SET deleted_at = ?, deleted_by = ? WHERE model = ? AND number = ?", [
      options.at,
      options.by,
      model,
      number,
    ]);
  });
}

/**
 * Deletes a model with all its versions. A later model of the same name goes on counting where this one stopped.
 *
 * @throws MODEL_IN_USE while it has aliases, or a version of another model was made of one of its versions
 */
export async function deleteModel(
  database: SqlDatabase,
  model: string,
  options: { readonly by: string; readonly at: number },
): Promise<void> {
  assertModelName(model);
  assertIdentity(options.by, "by");
  await database.transaction(async (tx) => {
    await assertModel(tx, model);
    const aliases = await tx.query<{ alias: string }>(
      "SELECT alias FROM registry_alias WHERE model = ? AND number IS NOT NULL ORDER BY alias",
      [model],
    );
    const versions = await tx.query<{ number: number }>(
      "SELECT number FROM registry_version WHERE model = ? AND deleted_at IS NULL ORDER BY number",
      [model],
    );
    const references = aliases.map(({ alias }) => `the alias "${alias}"`);
    for (const { number } of versions) references.push(...(await derivedFrom(tx, model, number, model)));
    if (references.length > 0) throw registryError("MODEL_IN_USE", { model, references });
    await tx.run("UPDATE registry_version SET deleted_at = ?, deleted_by = ? WHERE model = ? AND deleted_at IS NULL", [
      options.at,
      options.by,
      model,
    ]);
    await tx.run("UPDATE registry_model SET deleted_at = ? WHERE name = ?", [options.at, model]);
  });
}

/** Versions that exist and were made of this one. */
async function derivedFrom(tx: SqlExecutor, model: string, number: number, except = ""): Promise<string[]> {
  const edges = await tx.query<{ to_node: string }>(
    "SELECT DISTINCT to_node FROM registry_edge WHERE from_node = ? AND to_node LIKE 'model:%' ORDER BY to_node",
    [versionNode(model, number)],
  );
  const derived: string[] = [];
  for (const { to_node } of edges) {
    const [, name = "", to] = /^model:(.+)\/(\d+)$/.exec(to_node) ?? [];
    if (to === undefined || name === except) continue;
    const sql = "SELECT 1 FROM registry_version WHERE model = ? AND number = ? AND deleted_at IS NULL";
    if ((await tx.query(sql, [name, Number(to)])).length > 0) derived.push(`the version ${name}/${to} made of it`);
  }
  return derived;
}
