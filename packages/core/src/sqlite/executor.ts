import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { SqlDatabase, SqlExecutor } from "../sql-database.ts";

const cachedStatements = 200;

/** Statements of one connection, prepared once and kept. */
export function executor(connection: DatabaseSync): SqlExecutor {
  const statements = new Map<string, StatementSync>();

  function prepare(sql: string): StatementSync {
    const kept = statements.get(sql);
    if (kept !== undefined) return kept;
    if (statements.size >= cachedStatements) statements.delete(statements.keys().next().value as string);
    const statement = connection.prepare(sql);
    statements.set(sql, statement);
    return statement;
  }

  return {
    async query<Row extends object>(sql: string, parameters: readonly SQLInputValue[] = []) {
      return prepare(sql).all(...parameters) as Row[];
    },
    async run(sql, parameters = []) {
      return Number(prepare(sql).run(...(parameters as SQLInputValue[])).changes);
    },
  };
}

/** A database on one connection: transactions take turns, and a statement outside one waits for the open one to end. */
export function serialised(statements: SqlExecutor, connection: DatabaseSync): SqlDatabase {
  let last: Promise<unknown> = Promise.resolve();

  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = last.then(work, work);
    last = result.catch(() => undefined);
    return result;
  }

  return {
    dialect: "sqlite",
    query: (sql, parameters) => inTurn(() => statements.query(sql, parameters)),
    run: (sql, parameters) => inTurn(() => statements.run(sql, parameters)),
    transaction: (work) =>
      inTurn(async () => {
        connection.exec("BEGIN IMMEDIATE");
        try {
          const result = await work(statements);
          connection.exec("COMMIT");
          return result;
        } catch (error) {
          connection.exec("ROLLBACK");
          throw error;
        }
      }),
    async [Symbol.asyncDispose]() {
      await last;
      if (connection.isOpen) connection.close();
    },
  };
}
