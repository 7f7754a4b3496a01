import { isAshlarError } from "@ashlar/core";
import { featureStoreError } from "../errors.ts";
import { loadLibrary } from "./load.ts";

/** What is needed of a pool of the `pg` package. */
export interface PostgresPool {
  query(text: string, values: unknown[]): Promise<PostgresResult>;
}

export interface PostgresResult {
  readonly rows: unknown[];
  readonly rowCount: number | null;
}

export interface PostgresConnection {
  /** @throws ONLINE_STORE_UNAVAILABLE, ONLINE_STORE_REFUSED, CLOSED */
  query<Row>(operation: string, text: string, values: readonly unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

type OwnPool = PostgresPool & { end(): Promise<void> };

/** @param setUp makes the tables; run once, before the first query, and again when it failed */
export function connectPostgres(
  options: { readonly pool: PostgresPool } | { readonly url: string },
  setUp: string,
): PostgresConnection {
  let own: Promise<OwnPool> | undefined;
  let ready: Promise<unknown> | undefined;
  let closed = false;

  async function ownPool(url: string): Promise<OwnPool> {
    const { default: pg } = await loadLibrary("pg", "^8.16.0", () => import("pg"));
    const pool = new pg.Pool({ connectionString: url });
    // A query that fails says so itself; without a listener an idle connection that is cut would end the process.
    pool.on("error", () => undefined);
    return pool;
  }

  async function pool(): Promise<PostgresPool> {
    const found = "pool" in options ? options.pool : await (own ??= ownPool(options.url));
    ready ??= found.query(setUp, []).catch((error: unknown) => {
      ready = undefined;
      throw error;
    });
    await ready;
    return found;
  }

  return {
    async query<Row>(operation: string, text: string, values: readonly unknown[]) {
      if (closed) throw featureStoreError("CLOSED", { what: "PostgreSQL online store" });
      try {
        return (await (await pool()).query(text, [...values])).rows as Row[];
      } catch (cause) {
        throw named(cause, operation);
      }
    },
    async close() {
      closed = true;
      await (await own?.catch(() => undefined))?.end();
    },
  };
}

/** Classes of SQLSTATE that another try may not meet: connection, roll-back (deadlocks), resources, operator, system. */
const passing = /^(08|40|53|57|58)/;

/** An answer of the server has a SQLSTATE and a severity; every other error is of the connection. */
function named(cause: unknown, operation: string): Error {
  if (isAshlarError(cause)) return cause;
  const { code, severity, message } = cause as { code?: unknown; severity?: unknown; message?: string };
  const answered = severity !== undefined && !passing.test(String(code));
  const reason = message === undefined || message === "" ? String(code ?? cause) : message;
  const error = answered ? "ONLINE_STORE_REFUSED" : "ONLINE_STORE_UNAVAILABLE";
  return featureStoreError(error, { store: "PostgreSQL", operation, reason }, { cause });
}
