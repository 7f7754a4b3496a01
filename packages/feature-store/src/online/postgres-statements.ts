export interface PostgresStatements {
  readonly setUp: string;
  readonly watermark: string;
  readonly read: string;
  readonly scan: string;
  readonly write: string;
  readonly exchange: string;
  readonly clear: string;
}

/** The statements over the two tables of a store. Rows are locked in the order of their keys, so that no two writers deadlock. */
export function postgresStatements(prefix: string): PostgresStatements {
  const [vectors, watermarks] = [`${prefix}_vector`, `${prefix}_watermark`];
  const expiry = (milliseconds: string): string =>
    `now() + ${milliseconds}::double precision * interval '1 millisecond'`;
  const live = "(expires IS NULL OR expires > now())";
  return {
    // CREATE TABLE IF NOT EXISTS may fail when two sessions run it at once: the lock lets one in at a time.
    setUp: `
      DO $$ BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('${vectors}'));
        CREATE TABLE IF NOT EXISTS ${vectors} (
          namespace text NOT NULL, entity bytea NOT NULL, vector bytea NOT NULL, expires timestamptz,
          PRIMARY KEY (namespace, entity)
        );
        CREATE TABLE IF NOT EXISTS ${watermarks} (namespace text PRIMARY KEY, reached double precision NOT NULL);
      END $$`,
    watermark: `SELECT reached FROM ${watermarks} WHERE namespace = $1`,
    // One statement, and so one snapshot.
    read: `
      SELECT NULL::bytea AS entity, NULL::bytea AS vector, reached FROM ${watermarks} WHERE namespace = $1
      UNION ALL
      SELECT entity, vector, NULL FROM ${vectors} WHERE namespace = $1 AND entity = ANY($2::bytea[]) AND ${live}`,
    scan: `
      SELECT entity, vector FROM ${vectors}
      WHERE namespace = $1 AND ($2::bytea IS NULL OR entity > $2::bytea) AND ${live} ORDER BY entity LIMIT $3`,
    // The stamp is bytes 8 to 31; PostgreSQL counts from 1 and compares bytea byte by byte.
    write: `
      WITH advanced AS (
        INSERT INTO ${watermarks} AS kept (namespace, reached)
        SELECT $1, $5::double precision WHERE $5::double precision IS NOT NULL
        ON CONFLICT (namespace) DO UPDATE SET reached = greatest(kept.reached, excluded.reached)
      )
      INSERT INTO ${vectors} AS kept (namespace, entity, vector, expires)
      SELECT $1, entity, vector, ${expiry("$4")}
      FROM unnest($2::bytea[], $3::bytea[]) AS given (entity, vector) ORDER BY entity
      ON CONFLICT (namespace, entity) DO UPDATE SET vector = excluded.vector, expires = excluded.expires
      WHERE substring(excluded.vector FROM 9 FOR 24) >= substring(kept.vector FROM 9 FOR 24)
        OR kept.expires <= now()`,
    exchange: `
      WITH change AS (
        SELECT * FROM unnest($2::bytea[], $3::bytea[], $4::bytea[]) AS given (entity, expected, next)
      ), locked AS (
        SELECT kept.entity FROM ${vectors} kept JOIN change USING (entity)
        WHERE kept.namespace = $1 AND change.expected IS NOT NULL ORDER BY kept.entity FOR UPDATE OF kept
      ), replaced AS (
        UPDATE ${vectors} kept SET vector = change.next, expires = ${expiry("$5")}
        FROM change JOIN locked USING (entity)
        WHERE kept.namespace = $1 AND kept.entity = change.entity AND kept.vector = change.expected AND ${live}
        RETURNING kept.entity
      ), added AS (
        INSERT INTO ${vectors} AS kept (namespace, entity, vector, expires)
        SELECT $1, entity, next, ${expiry("$5")} FROM change WHERE expected IS NULL ORDER BY entity
        ON CONFLICT (namespace, entity) DO UPDATE SET vector = excluded.vector, expires = excluded.expires
        WHERE kept.expires <= now()
        RETURNING entity
      )
      SELECT entity FROM replaced UNION ALL SELECT entity FROM added`,
    clear: `
      WITH gone AS (DELETE FROM ${watermarks} WHERE namespace = $1)
      DELETE FROM ${vectors} WHERE namespace = $1`,
  };
}
