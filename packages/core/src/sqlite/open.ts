import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../clock.ts";
import { coreError, isAshlarError } from "../errors.ts";
import type { SqlDatabase } from "../sql-database.ts";
import { whenFree } from "./busy.ts";
import { serialised } from "./executor.ts";
import { type FileTurns, fileTurns } from "./turns.ts";

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
  /** Milliseconds that a call waits at most for another process to let go of the file. @default 10_000 */
  readonly busyTimeoutMs?: number;
}

/**
 * Opens a SQLite database in WAL mode with `synchronous=FULL`: what a transaction resolved with survives kill -9 and
 * power loss. Pending migrations run first, under a write lock.
 *
 * Databases opened on one file in one process take turns to write, and wait for other processes without blocking the
 * event loop; after `busyTimeoutMs` a call rejects with DATABASE_BUSY, which is retryable. Inside a transaction use
 * only what it was handed: a write through another database on the same file would wait for that transaction.
 *
 * @throws SCHEMA_TOO_NEW when the file was written by a newer version of the component; nothing is changed
 * @throws DATABASE_BUSY when another process holds the write lock for longer than `busyTimeoutMs`
 * @throws DATABASE_UNUSABLE when the file cannot be opened, or is not a SQLite database
 */
export async function openSqlite(options: SqliteOptions): Promise<SqlDatabase> {
  const { path, busyTimeoutMs = 10_000 } = options;
  const patience = { path, busyTimeoutMs };
  const since = systemClock.monotonic();
  let file: FileTurns | undefined;
  let connection: DatabaseSync | undefined;
  try {
    if (path !== ":memory:" && !existsSync(dirname(path))) mkdirSync(dirname(path), { recursive: true });
    file = fileTurns(path);
    // SQLite's own waiting would block the event loop: here it never waits.
    const opened = new DatabaseSync(path, { timeout: 0 });
    connection = opened;
    await file.turns.take(async () => {
      await whenFree(patience, since, () => opened.exec(pragmas));
      await whenFree(patience, since, () => opened.exec("BEGIN IMMEDIATE"));
      migrate(opened, options);
    });
  } catch (cause) {
    connection?.close();
    file?.release();
    if (isAshlarError(cause)) throw cause;
    throw coreError("DATABASE_UNUSABLE", { path, reason: (cause as Error).message }, { cause });
  }
  return serialised(connection, file, patience);
}

const pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;";

/** Runs in the transaction that is open, and ends it. */
function migrate(connection: DatabaseSync, { path, component, migrations }: SqliteOptions): void {
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
    if (connection.isTransaction) connection.exec("ROLLBACK");
    throw error;
  }
}
