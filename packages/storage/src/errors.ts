import { type ErrorFactory, errorFactory } from "@ashlar/core";

/** Everything this package refuses or fails at, beyond the errors of the object store port in core. */
export const storageErrors = {
  LIBRARY_MISSING: {
    status: 500,
    retryable: false,
    message: (d: { name: string; range: string; needed: string }): string =>
      `${d.needed} needs the package "${d.name}" (${d.range}), which is not installed. Run: npm install ${d.name}@"${d.range}"`,
  },
  OBJECT_KEY_CONFLICT: {
    status: 409,
    retryable: false,
    message: (d: { key: string; other: string; reason?: string }): string =>
      `The key "${d.key}" cannot be stored: ${d.reason ?? `on a file system "${d.other}" would have to be a file and a folder at once`}. Choose keys that this store can tell apart.`,
  },
  OBJECT_TOO_LARGE: {
    status: 413,
    retryable: false,
    message: (d: { key: string; store: string; limit: string }): string =>
      `The object "${d.key}" is too large for ${d.store}: it has more than ${d.limit}. Give the store a larger partSize.`,
  },
  STORAGE_DENIED: {
    status: 403,
    retryable: false,
    message: (d: { root: string; operation: string; key: string; reason: string }): string =>
      `The ${d.operation} of "${d.key}" in the folder ${d.root} was denied: ${d.reason}. Give this process the permission; nothing was changed.`,
  },
  STORAGE_FULL: {
    status: 507,
    retryable: false,
    message: (d: { root: string; operation: string; key: string; reason: string }): string =>
      `There is no room for the ${d.operation} of "${d.key}" in the folder ${d.root}: ${d.reason}. Free some, or raise the quota; nothing was changed.`,
  },
  STORE_REFUSED: {
    status: 403,
    retryable: false,
    message: (d: { store: string; operation: string; key: string; reason: string }): string =>
      `${d.store} refused ${d.operation} of "${d.key}": ${d.reason}. Check that it exists, and the permissions of the client.`,
  },
  STORE_UNAVAILABLE: {
    status: 503,
    retryable: true,
    message: (d: { store: string; operation: string; key: string; reason: string; retryAfterMs?: number }): string =>
      `${d.store} did not complete ${d.operation} of "${d.key}": ${d.reason}. Try again, or wrap the store in retrying().`,
  },
  OBJECT_REPLACED: {
    status: 409,
    retryable: true,
    message: (d: { key: string; etag: string }): string =>
      `The object "${d.key}" was replaced while it was read: the version with the etag ${d.etag} is gone. Read it again from the start.`,
  },
  TYPE_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: (d: { column: string; type: string; by: string; remedy: string }): string =>
      `The column "${d.column}" has the type ${d.type}, which ${d.by} cannot hold without loss. ${d.remedy}`,
  },
  VALUE_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { type: string; value: string; rule: string }): string =>
      `The value ${d.value} is not a ${d.type}: ${d.rule}. Correct the value, or choose another type.`,
  },
  CODEC_REFUSED: {
    status: 400,
    retryable: false,
    message: (d: { codec: string; what: string; remedy: string }): string =>
      `The Parquet codec ${d.codec} refuses ${d.what}. ${d.remedy}`,
  },
  CODEC_FAILED: {
    status: 500,
    retryable: true,
    message: (d: { codec: string; reason: string }): string =>
      `The Parquet codec ${d.codec} failed to encode a column: ${d.reason}. Nothing was committed; write the rows again.`,
  },
  PARQUET_CORRUPT: {
    status: 500,
    retryable: false,
    message: (d: { file: string; reason: string }): string =>
      `The Parquet file "${d.file}" cannot be read: ${d.reason}. Restore it from a copy; nothing was changed.`,
  },
  TABLE_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: (d: { table: string }): string =>
      `The table "${d.table}" has no version yet. Append to it first, or correct the name.`,
  },
  TABLE_NAME_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { table: string; rule: string }): string =>
      `The table name ${JSON.stringify(d.table)} is not allowed: ${d.rule}. Use letters, digits, "_", "-", "." and "/".`,
  },
  TABLE_READ_ONLY: {
    status: 409,
    retryable: false,
    message: (d: { table: string; reason: string }): string =>
      `The table "${d.table}" cannot be written so: ${d.reason}. Reading it works.`,
  },
  VERSION_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: (d: { table: string; version: number; earliest: number; latest: number }): string =>
      `The table "${d.table}" has no version ${d.version}; its log goes from ${d.earliest} to ${d.latest}. Ask for a version that stands in its history.`,
  },
  ALTER_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { table: string; problem: string }): string =>
      `The table "${d.table}" cannot be altered so: ${d.problem}. Correct the change; nothing was committed.`,
  },
  TIMESTAMP_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: (d: { table: string; timestamp: number; earliest: number }): string =>
      `The table "${d.table}" has no version as of ${String(d.timestamp)}; its earliest is of ${d.earliest} (epoch milliseconds). Ask for a later moment, as a number of milliseconds or a Date.`,
  },
  VACUUM_UNSAFE: {
    status: 400,
    retryable: false,
    message: (d: { table: string; retention: string; rule: string }): string =>
      `The table "${d.table}" cannot be vacuumed with the retention ${JSON.stringify(d.retention)}: it is ${d.rule}. Give a longer one, or "force" where nobody reads or writes the table; nothing was deleted.`,
  },
  LOG_CORRUPT: {
    status: 500,
    retryable: false,
    message: (d: { file: string; reason: string }): string =>
      `The table log is damaged at "${d.file}": ${d.reason}. Restore this file from a copy; nothing was overwritten.`,
  },
  DATA_FILE_MISSING: {
    status: 500,
    retryable: false,
    message: (d: { file: string; version: number }): string =>
      `The data file "${d.file}" of version ${d.version} is gone. Restore it from a copy, or read a version that does not need it.`,
  },
  DATA_FILE_CORRUPT: {
    status: 500,
    retryable: false,
    message: (d: { file: string; reason: string }): string =>
      `The data file "${d.file}" is damaged: ${d.reason}. Restore it from a copy; nothing was overwritten.`,
  },
  FILE_OUTSIDE: {
    status: 501,
    retryable: false,
    message: (d: { table: string; path: string }): string =>
      `The log of the table "${d.table}" names the file ${JSON.stringify(d.path)}, which is not below the table in its object store. Read the table with an engine that can reach it, or copy the table (a deep clone).`,
  },
  MERGE_AMBIGUOUS: {
    status: 400,
    retryable: false,
    message: (d: { table: string; key: string; rows: number }): string =>
      `${d.rows} of the rows to merge into "${d.table}" have the key ${d.key}, which a row of the table has too, so it is not decided which one counts. Give one row per key; nothing was committed.`,
  },
  OPTION_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { option: string; value: string; rule: string }): string =>
      `The option ${d.option} is ${d.value}, but ${d.rule}. Correct it; nothing was changed.`,
  },
  REPLACE_MISMATCH: {
    status: 400,
    retryable: false,
    message: (d: { table: string; rows: number; example: string }): string =>
      `${d.rows} row(s) do not match the predicate of what they replace in "${d.table}", the first being ${d.example}. Give rows that match, or widen the predicate; nothing was committed.`,
  },
  UPDATE_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { table: string; column: string; type: string; value: string }): string =>
      `The column "${d.column}" of "${d.table}" is ${d.type} and cannot be set to ${d.value}. Give a value of its type, or null where it is nullable; nothing was committed.`,
  },
  PROTOCOL_UNSUPPORTED: {
    status: 501,
    retryable: false,
    message: (d: { table: string; action: string; features: readonly string[] }): string =>
      `The table "${d.table}" uses features that this library cannot ${d.action}: ${d.features.join(", ")}. Use an engine that has them, or rewrite the table without them.`,
  },
  SCHEMA_MISMATCH: {
    status: 400,
    retryable: false,
    message: (d: { table: string; problem: string }): string =>
      `The rows do not fit the table "${d.table}": ${d.problem}. Give columns of the table's names and types; nothing was written.`,
  },
  COLUMN_UNKNOWN: {
    status: 400,
    retryable: false,
    message: (d: { column: string; known: readonly string[] }): string =>
      `There is no column "${d.column}". The columns are: ${d.known.join(", ")}.`,
  },
  PREDICATE_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { column: string; type: string; value: string }): string =>
      `The column "${d.column}" of type ${d.type} cannot be compared with ${d.value}. Give a value of the column's type (timestamps: epoch microseconds as bigint; dates: days since 1970 as number).`,
  },
  PARTITION_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { table: string; problem: string }): string =>
      `The table "${d.table}" cannot be partitioned so: ${d.problem}. Choose other partition columns or values.`,
  },
  EXPECTATION_FAILED: {
    status: 422,
    retryable: false,
    message: (d: { table: string; expectation: string; rows: number; example: string }): string =>
      `${d.rows} row(s) for the table "${d.table}" break the expectation ${d.expectation}, the first with the value ${d.example}. Correct them, or append with onViolation "quarantine" or "warn"; nothing was committed.`,
  },
  COMMIT_CONFLICT: {
    status: 409,
    retryable: true,
    message: (d: { table: string; operation: string; version: number; kind: string; reason: string }): string =>
      `The ${d.operation} of "${d.table}" lost against version ${d.version} (${d.kind}): ${d.reason}. Read the table again and decide anew; nothing was committed.`,
  },
  LEASE_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { name: string; value: number }): string =>
      `The option ${d.name} is ${d.value}, but it must be a number of milliseconds above 0. Correct it, or leave it out.`,
  },
  DURATION_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { name: string; value: string }): string =>
      `The length of time ${d.name} is ${JSON.stringify(d.value)}, but it must be milliseconds above 0, or a number above 0 with a unit. Give one like "90s", "15m", "24h" or "7d".`,
  },
  DIGEST_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { digest: string }): string =>
      `${JSON.stringify(d.digest)} is not a digest. Give "sha256:" and 64 lower-case hexadecimal digits.`,
  },
  DIGEST_MISMATCH: {
    status: 400,
    retryable: false,
    message: (d: { digest: string; reason: string }): string =>
      `What was to be stored as ${d.digest} is something else: ${d.reason}. Send the right bytes, or correct the digest; nothing was stored.`,
  },
  ARTIFACT_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: (d: { digest: string }): string =>
      `There is no artifact ${d.digest} in this store. Put it first, or correct the digest.`,
  },
  ARTIFACT_CORRUPT: {
    status: 500,
    retryable: false,
    message: (d: { digest: string; reason: string }): string =>
      `The artifact ${d.digest} is damaged: ${d.reason}. Restore it from a copy; do not use what was read of it.`,
  },
  BLOB_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { path: string; field: string; value: unknown; rule: string }): string =>
      `The blob ${JSON.stringify(d.path)} cannot be put with the ${d.field} ${JSON.stringify(d.value)}: ${d.rule}. Correct it; nothing was committed.`,
  },
  BLOB_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: (d: { path: string; table: string }): string =>
      `The table "${d.table}" has no blob ${JSON.stringify(d.path)}. List its paths with list(), or read an older version.`,
  },
  MANIFEST_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { name: string; rule: string }): string =>
      `The manifest entry ${JSON.stringify(d.name)} is not allowed: ${d.rule}. Use relative, slash-separated, distinct names.`,
  },
  FILE_NOT_IN_MANIFEST: {
    status: 404,
    retryable: false,
    message: (d: { name: string; known: number }): string =>
      `The manifest has no file ${JSON.stringify(d.name)} among its ${d.known}. List its files, or correct the name.`,
  },
  UPLOAD_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: (d: { id: string }): string =>
      `There is no upload ${JSON.stringify(d.id)}: it never began, was aborted, or was swept after its lease. Begin a new one.`,
  },
  UPLOAD_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { id: string; problem: string; remedy: string }): string =>
      `The upload ${JSON.stringify(d.id)} cannot go on: ${d.problem}. ${d.remedy} Nothing was published.`,
  },
  COLLECT_REFUSED: {
    status: 400,
    retryable: false,
    message: (d: { problem: string; remedy: string }): string =>
      `Nothing may be collected: ${d.problem}. ${d.remedy} Nothing was deleted.`,
  },
  ARTIFACT_CONTENDED: {
    status: 503,
    retryable: true,
    message: (d: { digest: string; attempts: number }): string =>
      `The artifact ${d.digest} came and went ${d.attempts} times while it was being stored or read. Try again; if it lasts, see who collects it.`,
  },
  EXPECTATION_INVALID: {
    status: 400,
    retryable: false,
    message: (d: { expectation: string; problem: string; remedy: string }): string =>
      `The expectation ${d.expectation} cannot be held: ${d.problem}. ${d.remedy}`,
  },
  TABLE_EXPECTATION_FAILED: {
    status: 422,
    retryable: false,
    message: (d: { table: string; expectation: string; observed: string }): string =>
      `The rows for the table "${d.table}" together break the expectation ${d.expectation}: it is ${d.observed}. Correct them, or give the expectation the severity "warn"; nothing was committed.`,
  },
} as const;

/** @see storageErrors */
export const storageError: ErrorFactory<typeof storageErrors> = errorFactory("storage", storageErrors);
