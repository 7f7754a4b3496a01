export { type Migration, type SqliteOptions, openSqlite } from "./open.ts";
