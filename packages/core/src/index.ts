export type { AuditEvent, AuditReceipt, AuditSink } from "./audit-sink.ts";
export type { AccessRequest, Authorizer, Decision } from "./authorizer.ts";
export { byobReader, concatBytes, toBytes, toStream } from "./bytes.ts";
export type { Cipher, CipherOptions, CiphertextSource, OpenedCiphertext, SeekableCipher } from "./cipher.ts";
export { type Clock, systemClock } from "./clock.ts";
export {
  AshlarError,
  coreError,
  coreErrors,
  type ErrorDefinition,
  type ErrorFactory,
  errorFactory,
  type ErrorTable,
  isAshlarError,
} from "./errors.ts";
export type { DataKey, EncryptionContext, KeyProvider } from "./key-provider.ts";
export type { LineageDataset, LineageEvent, LineageSink } from "./lineage.ts";
export { type Logger, type LogMethod, silentLogger } from "./logger.ts";
export { assertObjectKey, compareObjectKeys } from "./object-key.ts";
export {
  type ByteRange,
  type Bytes,
  type GetOptions,
  type ListOptions,
  type ObjectInfo,
  type ObjectStore,
  type ObjectStoreCapabilities,
  type PutOptions,
  resolveRange,
  type StoredObject,
} from "./object-store.ts";
export { decodeCursor, encodeCursor, type Page, type PageRequest } from "./page.ts";
export type { Secret, SecretSource } from "./secret-source.ts";
export type { SqlDatabase, SqlExecutor, SqlRow, SqlValue } from "./sql-database.ts";
