/** A value a SQL parameter or column may hold. */
export type SqlValue = string | number | bigint | Uint8Array | null;

export type SqlRow = Readonly<Record<string, SqlValue>>;

/** Statements inside one connection. Parameters are written `?` and bound in order. */
export interface SqlExecutor {
  query<Row extends object = SqlRow>(sql: string, parameters?: readonly SqlValue[]): Promise<Row[]>;
  /** @returns the number of rows changed */
  run(sql: string, parameters?: readonly SqlValue[]): Promise<number>;
}

/** A relational database that a package keeps its state in. What `transaction` resolved with is durable. */
export interface SqlDatabase extends SqlExecutor, AsyncDisposable {
  readonly dialect: "sqlite" | "postgres";
  /** Runs `work` in one serialised write transaction; rolls back when it rejects. */
  transaction<Result>(work: (tx: SqlExecutor) => Promise<Result>): Promise<Result>;
}
