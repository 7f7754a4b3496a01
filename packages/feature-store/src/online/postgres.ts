import { featureStoreError } from "../errors.ts";
import { keyId, latestPerKey, type OnlineStore } from "./port.ts";
import { connectPostgres, type PostgresPool } from "./postgres-client.ts";
import { postgresStatements } from "./postgres-statements.ts";

export type { PostgresPool, PostgresResult } from "./postgres-client.ts";

const entriesPerPage = 1_000;

export interface PostgresOptions {
  /** What the names of its two tables begin with, a schema before a dot included. @default "ashlar_online" */
  readonly prefix?: string;
}

/**
 * An online store in PostgreSQL 12 or later, for many machines. Give it your `pool` of `pg`, which stays yours, or a `url`,
 * whose pool it opens at the first use and closes. Its tables are made at the first use.
 *
 * A write is one statement, which compares the stamps under the lock of each row: all of it is seen, or nothing. What a
 * write resolved with is as durable as `synchronous_commit` says. Vectors written with `keepMs` are not read once it is
 * over, and are removed by the next `clear` or replaced by the next write.
 *
 * @throws DEFINITION_INVALID for a prefix that is no plain name
 * @throws ENGINE_NOT_INSTALLED, at the first use of a `url`, without `pg` (^8.16.0)
 */
export function postgres(
  options: PostgresOptions & ({ readonly pool: PostgresPool } | { readonly url: string }),
): OnlineStore {
  const { prefix = "ashlar_online" } = options;
  if (!/^([a-z_][a-z0-9_]{0,62}\.)?[a-z_][a-z0-9_]{0,50}$/.test(prefix)) {
    const rule = "a prefix is lower-case letters, digits and '_', and may have a schema before a dot";
    throw featureStoreError("DEFINITION_INVALID", { of: "The PostgreSQL online store", value: prefix, rule });
  }
  const sql = postgresStatements(prefix);
  const connection = connectPostgres(options, sql.setUp);

  return {
    capabilities: { atomicBatch: true, expiry: true },
    async watermark(namespace) {
      const [row] = await connection.query<{ reached: number }>("read", sql.watermark, [namespace]);
      return row?.reached;
    },
    async write(namespace, entries, { distinct, watermark = null, keepMs = null, signal } = {}) {
      signal?.throwIfAborted();
      const latest = latestPerKey(entries, { distinct });
      const keys = latest.map(({ key }) => bufferOf(key));
      const vectors = latest.map(({ vector }) => bufferOf(vector));
      await connection.query("write", sql.write, [namespace, keys, vectors, keepMs, watermark]);
    },
    async read(namespace, keys, { signal } = {}) {
      signal?.throwIfAborted();
      const rows = await connection.query<{ entity: Buffer | null; vector: Buffer; reached: number }>(
        "read",
        sql.read,
        [namespace, keys.map(bufferOf)],
      );
      const found = new Map<string, Uint8Array>();
      let watermark: number | undefined;
      for (const { entity, vector, reached } of rows) {
        if (entity === null) watermark = reached;
        else found.set(keyId(entity), vector);
      }
      return { vectors: keys.map((key) => found.get(keyId(key))), watermark };
    },
    async *scan(namespace, { signal } = {}) {
      for (let after: Buffer | null | undefined = null; after !== undefined;) {
        signal?.throwIfAborted();
        const rows: readonly { entity: Buffer; vector: Buffer }[] = await connection.query("read", sql.scan, [
          namespace,
          after,
          entriesPerPage,
        ]);
        if (rows.length > 0) yield rows.map(({ entity, vector }) => ({ key: entity, vector }));
        after = rows.length < entriesPerPage ? undefined : rows.at(-1)?.entity;
      }
    },
    async exchange(namespace, changes, { keepMs = null, signal } = {}) {
      signal?.throwIfAborted();
      if (changes.length === 0) return [];
      const keys = changes.map(({ key }) => bufferOf(key));
      const expected = changes.map(({ expected: bytes }) => (bytes === undefined ? null : bufferOf(bytes)));
      const next = changes.map(({ next: bytes }) => bufferOf(bytes));
      const values = [namespace, keys, expected, next, keepMs];
      const made = await connection.query<{ entity: Buffer }>("exchange", sql.exchange, values);
      const done = new Set(made.map(({ entity }) => keyId(entity)));
      return changes.map(({ key }) => done.has(keyId(key)));
    },
    async clear(namespace, { signal } = {}) {
      signal?.throwIfAborted();
      await connection.query("clear", sql.clear, [namespace]);
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
