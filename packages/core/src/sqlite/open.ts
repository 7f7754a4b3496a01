import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { coreError, isAshlarError } from "../errors.ts";
import type { SqlDatabase } from "../sql-database.ts";
import { executor, serialised } from "./executor.ts";

/** One forward step of a schema. Its number is its place in the list, from 1; a released step never changes. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}

export interface SqliteOptions {
  /** A file, or `:memory:`. Missing folders are made. */
  readonly path: string;
  /** Whose schema this is, e.g. `model-registry`. Several components may share one file. */
  readonly component: string;
  readonly migrations: readonly Migration[];
}

/**
 * Opens a SQLite database in WAL mode with `synchronous=FULL`: what a transaction resolved with survives kill -9 and
 * power loss. Pending migrations run first, under a write lock.
 *
 * @throws SCHEMA_TOO_NEW when the file was written by a newer version of the component; nothing is changed
 * @throws DATABASE_UNUSABLE when the file cannot be opened, or is not a SQLite database
 */
export async function openSqlite(options: SqliteOptions): Promise<SqlDatabase> {
  const { path } = options;
  let connection: DatabaseSync | undefined;
  try {
    if (path !== ":memory:" && !existsSync(dirname(path))) mkdirSync(dirname(path), { recursive: true });
    connection = new DatabaseSync(path, { timeout: 10_000 });
    connection.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;");
    migrate(connection, options);
  } catch (cause) {
    connection?.close();
    if (isAshlarError(cause)) throw cause;
    throw coreError("DATABASE_UNUSABLE", { path, reason: (cause as Error).message }, { cause });
  }
  return serialised(executor(connection), connection);
}

function migrate(connection: DatabaseSync, { path, component, migrations }: SqliteOptions): void {
  connection.exec("BEGIN IMMEDIATE");
  try {
    connection.exec(
      "CREATE TABLE IF NOT EXISTS ashlar_schema (component TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT",
    );
    const row = connection.prepare("SELECT version FROM ashlar_schema WHERE component = ?").get(component);
    const found = Number(row?.["version"] ?? 0);
    if (found > migrations.length) {
      throw coreError("SCHEMA_TOO_NEW", { path, component, found, known: migrations.length });
    }
    for (const migration of migrations.slice(found)) connection.exec(migration.sql);
    connection
      .prepare(
        "INSERT INTO ashlar_schema VALUES (?, ?) ON CONFLICT (component) DO UPDATE SET version = excluded.version",
      )
      .run(component, migrations.length);
    connection.exec("COMMIT");
  } catch (error) {
    connection.exec("ROLLBACK");
    throw error;
  }
}
