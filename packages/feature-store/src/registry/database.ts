import type { SqlDatabase } from "@ashlar/core";
import { type Migration, openSqlite } from "@ashlar/core/sqlite";

/** Opens the database that definitions are kept in, with the tables of {@link migrations}. */
export type DatabaseFactory = () => Promise<SqlDatabase>;

/** The schema, forward only: a released step never changes. Times are epoch milliseconds. */
export const migrations: readonly Migration[] = [
  {
    name: "definitions, revisions, lineage",
    sql: `
      CREATE TABLE feature_revision (
        revision INTEGER PRIMARY KEY, plan TEXT NOT NULL, by TEXT NOT NULL, message TEXT NOT NULL, at INTEGER NOT NULL
      ) STRICT;
      CREATE TABLE feature_definition (
        kind TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, body TEXT NOT NULL,
        revision INTEGER NOT NULL REFERENCES feature_revision (revision),
        PRIMARY KEY (kind, name, version)
      ) STRICT;
      CREATE TABLE feature_active (
        kind TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, owner TEXT, about TEXT NOT NULL,
        search TEXT NOT NULL, revision INTEGER NOT NULL REFERENCES feature_revision (revision),
        PRIMARY KEY (kind, name),
        FOREIGN KEY (kind, name, version) REFERENCES feature_definition (kind, name, version)
      ) STRICT;
      CREATE INDEX feature_active_by_owner ON feature_active (owner);
      CREATE TABLE feature_label (
        kind TEXT NOT NULL, name TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL,
        PRIMARY KEY (field, value, kind, name),
        FOREIGN KEY (kind, name) REFERENCES feature_active (kind, name) ON DELETE CASCADE
      ) STRICT;
      CREATE TABLE feature_edge (
        from_node TEXT NOT NULL, to_node TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (from_node, to_node)
      ) STRICT;
      CREATE INDEX feature_edge_upstream ON feature_edge (to_node, from_node);`,
  },
  {
    name: "profiles of view versions",
    sql: `
      CREATE TABLE feature_profile (
        id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL DEFAULT 'view', view TEXT NOT NULL, version TEXT NOT NULL,
        subject TEXT NOT NULL, rows TEXT, body TEXT NOT NULL, at INTEGER NOT NULL,
        FOREIGN KEY (kind, view, version) REFERENCES feature_definition (kind, name, version)
      ) STRICT;
      CREATE INDEX feature_profile_by_view ON feature_profile (view, id);`,
  },
];

/** Keeps the registry in a SQLite file, or in `:memory:`. Several processes of one machine may share the file. */
export function sqlite(options: { readonly path: string }): DatabaseFactory {
  return () => openSqlite({ path: options.path, component: "feature-registry", migrations });
}
