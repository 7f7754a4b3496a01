import type { SqlDatabase } from "@ashlar/core";

/** Opens the database that models, versions and aliases are kept in, with the tables of `migrations.ts`. */
export type DatabaseFactory = () => Promise<SqlDatabase>;
