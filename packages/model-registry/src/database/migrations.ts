import type { Migration } from "@ashlar/core/sqlite";

/** The schema, forward only: a released step never changes. Times are epoch milliseconds. */
export const migrations: readonly Migration[] = [
  {
    name: "models, versions, aliases, approvals, lineage",
    sql: `
      CREATE TABLE registry_model (
        name TEXT PRIMARY KEY, next_number INTEGER NOT NULL DEFAULT 1, alias_revision INTEGER NOT NULL DEFAULT 0,
        created_at INTEGER NOT NULL, deleted_at INTEGER
      ) STRICT;
      CREATE TABLE registry_version (
        model TEXT NOT NULL REFERENCES registry_model (name), number INTEGER NOT NULL, digest TEXT NOT NULL,
        inputs TEXT NOT NULL, inputs_digest TEXT NOT NULL, description TEXT NOT NULL, author TEXT NOT NULL,
        created_at INTEGER NOT NULL, deleted_at INTEGER, deleted_by TEXT,
        idempotency_key TEXT, request_digest TEXT NOT NULL,
        PRIMARY KEY (model, number), UNIQUE (model, idempotency_key)
      ) STRICT;
      CREATE INDEX registry_version_by_digest ON registry_version (model, digest, inputs_digest, number);
      CREATE TABLE registry_file (
        model TEXT NOT NULL, number INTEGER NOT NULL, ordinal INTEGER NOT NULL, name TEXT NOT NULL,
        digest TEXT NOT NULL, size INTEGER NOT NULL, onnx TEXT,
        PRIMARY KEY (model, number, name), FOREIGN KEY (model, number) REFERENCES registry_version (model, number)
      ) STRICT;
      CREATE INDEX registry_file_by_digest ON registry_file (digest);
      CREATE TABLE registry_metric (
        model TEXT NOT NULL, number INTEGER NOT NULL, key TEXT NOT NULL, value REAL NOT NULL,
        PRIMARY KEY (model, number, key), FOREIGN KEY (model, number) REFERENCES registry_version (model, number)
      ) STRICT;
      CREATE INDEX registry_metric_by_value ON registry_metric (key, value);
      CREATE TABLE registry_param (
        model TEXT NOT NULL, number INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (model, number, key), FOREIGN KEY (model, number) REFERENCES registry_version (model, number)
      ) STRICT;
      CREATE TABLE registry_tag (
        model TEXT NOT NULL, number INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (model, number, key), FOREIGN KEY (model, number) REFERENCES registry_version (model, number)
      ) STRICT;
      CREATE INDEX registry_tag_by_value ON registry_tag (key, value);
      CREATE TABLE registry_alias (
        model TEXT NOT NULL REFERENCES registry_model (name), alias TEXT NOT NULL, number INTEGER,
        revision INTEGER NOT NULL, PRIMARY KEY (model, alias)
      ) STRICT;
      CREATE INDEX registry_alias_by_target ON registry_alias (model, number);
      CREATE TABLE registry_alias_move (
        model TEXT NOT NULL, alias TEXT NOT NULL, revision INTEGER NOT NULL, kind TEXT NOT NULL,
        from_number INTEGER, to_number INTEGER, previous_revision INTEGER, by TEXT NOT NULL, reason TEXT NOT NULL,
        at INTEGER NOT NULL, gates TEXT NOT NULL, approvals TEXT NOT NULL,
        idempotency_key TEXT, request_digest TEXT NOT NULL,
        PRIMARY KEY (model, alias, revision), UNIQUE (model, alias, idempotency_key)
      ) STRICT;
      CREATE INDEX registry_alias_move_by_time ON registry_alias_move (model, alias, at, revision);
      CREATE TABLE registry_approval (
        id TEXT PRIMARY KEY, model TEXT NOT NULL, number INTEGER NOT NULL, alias TEXT, by TEXT NOT NULL,
        comment TEXT NOT NULL, at INTEGER NOT NULL,
        FOREIGN KEY (model, number) REFERENCES registry_version (model, number)
      ) STRICT;
      CREATE INDEX registry_approval_by_version ON registry_approval (model, number, at);
      CREATE TABLE registry_edge (
        from_node TEXT NOT NULL, to_node TEXT NOT NULL, relation TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (from_node, to_node, relation)
      ) STRICT;
      CREATE INDEX registry_edge_upstream ON registry_edge (to_node, from_node, relation);`,
  },
  {
    name: "signatures of versions",
    sql: `
      ALTER TABLE registry_version ADD COLUMN signature_digest TEXT;
      ALTER TABLE registry_version ADD COLUMN signature_key_hint TEXT;`,
  },
];
