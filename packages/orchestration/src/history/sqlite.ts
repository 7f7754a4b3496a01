import { type Migration, openSqlite } from "@ashlar/core/sqlite";
import type { HistoryFactory } from "./port.ts";

const migrations: readonly Migration[] = [
  {
    name: "runs, steps, events, workers",
    sql: `
      CREATE TABLE run (
        id TEXT PRIMARY KEY, workflow TEXT NOT NULL, version TEXT NOT NULL, state TEXT NOT NULL,
        input BLOB NOT NULL, output BLOB, error_step TEXT, error_message TEXT,
        idempotency_key TEXT UNIQUE, cancel_requested INTEGER NOT NULL DEFAULT 0,
        owner TEXT, epoch INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL, finished_at INTEGER
      ) STRICT;
      CREATE INDEX run_by_time ON run (created_at, id);
      CREATE TABLE step (
        run TEXT NOT NULL REFERENCES run (id), name TEXT NOT NULL, ordinal INTEGER NOT NULL, state TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0,
        interruptions INTEGER NOT NULL DEFAULT 0, run_at INTEGER, started_at INTEGER, finished_at INTEGER,
        output BLOB, error TEXT, PRIMARY KEY (run, name)
      ) STRICT;
      CREATE TABLE event (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, step TEXT, type TEXT NOT NULL,
        at INTEGER NOT NULL, detail TEXT
      ) STRICT;
      CREATE INDEX event_by_run ON event (run, seq);
      CREATE TABLE worker (
        id TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, process_start TEXT NOT NULL, beat_at INTEGER NOT NULL
      ) STRICT;`,
  },
  {
    name: "codes of errors",
    sql: "ALTER TABLE run ADD COLUMN error_code TEXT; ALTER TABLE step ADD COLUMN error_code TEXT;",
  },
];

/** Keeps runs in a SQLite file. Several processes of one machine may share it. */
export function sqlite(options: { readonly path: string }): HistoryFactory {
  return () => openSqlite({ path: options.path, component: "orchestration", migrations });
}
