import type { SqlDatabase } from "@ashlar/core";
import { type Migration, openSqlite } from "@ashlar/core/sqlite";
import { featureStoreError } from "../errors.ts";
import { keyId, type OnlineRead, type OnlineStore } from "./port.ts";
import { openReader, type SqliteReader } from "./sqlite-reader.ts";

const migrations: readonly Migration[] = [
  {
    name: "vectors and watermarks",
    sql: `
      CREATE TABLE online_vector (
        namespace TEXT NOT NULL, entity BLOB NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (namespace, entity)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE online_watermark (namespace TEXT PRIMARY KEY, reached REAL NOT NULL) STRICT;`,
  },
];

// The stamp is bytes 8 to 31; SQLite counts from 1 and compares blobs byte by byte, as the stamp is made for.
const upsert = `
  INSERT INTO online_vector (namespace, entity, vector) VALUES (?, ?, ?)
  ON CONFLICT (namespace, entity) DO UPDATE SET vector = excluded.vector
  WHERE substr(excluded.vector, 9, 24) >= substr(online_vector.vector, 9, 24)`;

const insertIfAbsent = `
  INSERT INTO online_vector (namespace, entity, vector) VALUES (?, ?, ?) ON CONFLICT (namespace, entity) DO NOTHING`;

const replaceIfSame = "UPDATE online_vector SET vector = ? WHERE namespace = ? AND entity = ? AND vector = ?";

const advance = `
  INSERT INTO online_watermark (namespace, reached) VALUES (?, ?)
  ON CONFLICT (namespace) DO UPDATE SET reached = max(reached, excluded.reached)`;

/** SQLite takes 32,766 parameters; far fewer keep the statements few and their plans alike. */
const keysPerQuery = 512;

const entriesPerPage = 1_000;

const selectOf = (keys: number): string =>
  `SELECT entity, vector FROM online_vector WHERE namespace = ? AND entity IN (${"?,".repeat(keys - 1)}?)`;

/**
 * An online store in one SQLite file, for one machine. WAL with `synchronous=FULL`: what a write resolved with survives
 * kill -9 and power loss, and readers are never blocked. The file is opened at the first use.
 *
 * @throws SCHEMA_TOO_NEW, DATABASE_UNUSABLE of core, at the first use
 */
export function sqlite(options: { readonly path: string }): OnlineStore {
  let opened: Promise<SqlDatabase> | undefined;
  let reader: SqliteReader | undefined;
  let closed = false;

  function database(): Promise<SqlDatabase> {
    if (closed) throw featureStoreError("CLOSED", { what: `online store ${options.path}` });
    return (opened ??= openSqlite({ path: options.path, component: "feature-store", migrations }));
  }

  async function watermark(namespace: string): Promise<number | undefined> {
    const db = await database();
    const [row] = await db.query<{ reached: number }>("SELECT reached FROM online_watermark WHERE namespace = ?", [
      namespace,
    ]);
    return row?.reached;
  }

  async function vectorsOf(
    db: SqlDatabase,
    namespace: string,
    keys: readonly Uint8Array[],
  ): Promise<Map<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    for (let at = 0; at < keys.length; at += keysPerQuery) {
      const part = keys.slice(at, at + keysPerQuery);
      // Of a few sizes, so that the statement is one that was prepared before.
      const size = 2 ** Math.ceil(Math.log2(part.length));
      while (part.length < size) part.push(part[0] as Uint8Array);
      const rows = await db.query<{ entity: Uint8Array; vector: Uint8Array }>(selectOf(size), [namespace, ...part]);
      for (const { entity, vector } of rows) found.set(keyId(entity), vector);
    }
    return found;
  }

  return {
    capabilities: { atomicBatch: true, expiry: false },
    watermark,
    async write(namespace, entries, { watermark: reached, signal } = {}) {
      const db = await database();
      signal?.throwIfAborted();
      await db.transaction(async (tx) => {
        for (const { key, vector } of entries) await tx.run(upsert, [namespace, key, vector]);
        if (reached !== undefined) await tx.run(advance, [namespace, reached]);
      });
    },
    async read(namespace, keys, { signal } = {}): Promise<OnlineRead> {
      const db = await database();
      signal?.throwIfAborted();
      // Another connection would find another database in memory.
      if (options.path !== ":memory:") {
        const read = (reader ??= openReader(options.path)).read(namespace, keys);
        if (read !== undefined) return read;
      }
      // Before the vectors: a write that comes in between makes them newer than it, never older.
      const reached = await watermark(namespace);
      const found = await vectorsOf(db, namespace, keys);
      return { vectors: keys.map((key) => found.get(keyId(key))), watermark: reached };
    },
    async *scan(namespace, { signal } = {}) {
      const db = await database();
      for (let after: Uint8Array | undefined = new Uint8Array(); after !== undefined;) {
        signal?.throwIfAborted();
        // A key may be empty: the first page takes it in.
        const compare: string = after.length === 0 ? ">=" : ">";
        const rows: { entity: Uint8Array; vector: Uint8Array }[] = await db.query(
          `SELECT entity, vector FROM online_vector WHERE namespace = ? AND entity ${compare} ? ORDER BY entity LIMIT ?`,
          [namespace, after, entriesPerPage],
        );
        if (rows.length > 0) yield rows.map(({ entity, vector }) => ({ key: entity, vector }));
        after = rows.length < entriesPerPage ? undefined : rows.at(-1)?.entity;
      }
    },
    async exchange(namespace, changes, { signal } = {}) {
      const db = await database();
      signal?.throwIfAborted();
      return await db.transaction(async (tx) => {
        const made: boolean[] = [];
        for (const { key, expected, next } of changes) {
          const rows =
            expected === undefined
              ? await tx.run(insertIfAbsent, [namespace, key, next])
              : await tx.run(replaceIfSame, [next, namespace, key, expected]);
          made.push(rows === 1);
        }
        return made;
      });
    },
    async clear(namespace, { signal } = {}) {
      const db = await database();
      signal?.throwIfAborted();
      await db.transaction(async (tx) => {
        await tx.run("DELETE FROM online_vector WHERE namespace = ?", [namespace]);
        await tx.run("DELETE FROM online_watermark WHERE namespace = ?", [namespace]);
      });
    },
    async [Symbol.asyncDispose]() {
      closed = true;
      reader?.close();
      const db = await opened?.catch(() => undefined);
      await db?.[Symbol.asyncDispose]();
    },
  };
}
