import { openSqlite } from "@ashlar/core/sqlite";
import { migrations } from "./migrations.ts";
import type { DatabaseFactory } from "./port.ts";

/** Keeps the registry in a SQLite file, or in `:memory:`. Several processes of one machine may share the file. */
export function sqlite(options: { readonly path: string }): DatabaseFactory {
  return () => openSqlite({ path: options.path, component: "model-registry", migrations });
}
