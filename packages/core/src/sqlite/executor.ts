import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { systemClock } from "../clock.ts";
import type { SqlDatabase, SqlExecutor, SqlValue } from "../sql-database.ts";
import { type Patience, whenFree } from "./busy.ts";
import { type FileTurns, Turns } from "./turns.ts";

const cachedStatements = 200;

/** An executor that can also answer at once. */
interface Statements extends SqlExecutor {
  all<Row extends object>(sql: string, parameters?: readonly SqlValue[]): Row[];
  change(sql: string, parameters?: readonly SqlValue[]): number;
}

/** Statements of one connection, prepared once and kept. */
function executor(connection: DatabaseSync): Statements {
  const statements = new Map<string, StatementSync>();

  function prepare(sql: string): StatementSync {
    const kept = statements.get(sql);
    if (kept !== undefined) return kept;
    if (statements.size >= cachedStatements) statements.delete(statements.keys().next().value as string);
    const statement = connection.prepare(sql);
    statements.set(sql, statement);
    return statement;
  }

  const all = <Row extends object>(sql: string, parameters: readonly SqlValue[] = []): Row[] =>
    prepare(sql).all(...(parameters as SQLInputValue[])) as Row[];
  const change = (sql: string, parameters: readonly SqlValue[] = []): number =>
    Number(prepare(sql).run(...(parameters as SQLInputValue[])).changes);
  return {
    all,
    change,
    query: async <Row extends object>(sql: string, parameters?: readonly SqlValue[]) => all<Row>(sql, parameters),
    run: async (sql, parameters) => change(sql, parameters),
  };
}

/**
 * A database on one connection: its transactions and statements take turns, so that a statement outside a transaction
 * waits for the open one to end. What writes also takes its turn among the other connections of this process.
 */
export function serialised(connection: DatabaseSync, file: FileTurns, patience: Patience): SqlDatabase {
  const statements = executor(connection);
  const own = new Turns();

  async function transaction<Result>(since: number, work: (tx: SqlExecutor) => Promise<Result>): Promise<Result> {
    await whenFree(patience, since, () => connection.exec("BEGIN IMMEDIATE"));
    try {
      const result = await work(statements);
      connection.exec("COMMIT");
      return result;
    } catch (error) {
      // SQLite has rolled back by itself where the disk was full or failed.
      if (connection.isTransaction) connection.exec("ROLLBACK");
      throw error;
    }
  }

  return {
    dialect: "sqlite",
    query<Row extends object>(sql: string, parameters?: readonly SqlValue[]): Promise<Row[]> {
      const since = systemClock.monotonic();
      // In WAL mode a reader waits for no writer.
      return own.take(() => whenFree(patience, since, () => statements.all<Row>(sql, parameters)));
    },
    run(sql, parameters) {
      const since = systemClock.monotonic();
      const write = (): Promise<number> => whenFree(patience, since, () => statements.change(sql, parameters));
      return own.take(() => file.turns.take(write));
    },
    transaction(work) {
      const since = systemClock.monotonic();
      return own.take(() => file.turns.take(() => transaction(since, work)));
    },
    async [Symbol.asyncDispose]() {
      await own.settled();
      if (connection.isOpen) connection.close();
      file.release();
    },
  };
}
