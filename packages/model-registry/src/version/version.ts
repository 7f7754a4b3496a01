import type { SqlExecutor } from "@ashlar/core";
import type { ModelFile } from "../artifact/manifest.ts";
import { registryError } from "../errors.ts";
import type { OnnxSummary } from "../introspect/onnx.ts";

/** A file of a version, with what it says of itself when it is an ONNX model. */
export interface VersionFile extends ModelFile {
  readonly onnx?: OnnxSummary;
}

/** The signature of a version. It is no part of the version's digest: the same files give another each time. */
export interface VersionSignature {
  /** Of the Sigstore bundle in the artifact store: `sha256:<hex>`. */
  readonly bundleDigest: string;
  /** Hex SHA-256 of the PEM text of the public key. */
  readonly keyHint: string;
}

/** A version of a model. It never changes, except for the aliases that point to it. */
export interface ModelVersion {
  readonly name: string;
  /** From 1; increasing, with gaps, never used twice. */
  readonly number: number;
  /** Digest of the manifest of its files: equal digests mean equal bytes. */
  readonly digest: string;
  /** In the order of the manifest. */
  readonly files: readonly VersionFile[];
  /** Absent when it was registered without a signing key. */
  readonly signature?: VersionSignature;
  readonly metrics: Readonly<Record<string, number>>;
  readonly params: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Lineage nodes (`kind:id`) it was made of, by relation. */
  readonly inputs: Readonly<Record<string, readonly string[]>>;
  readonly description: string;
  readonly author: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Aliases that point to it now, sorted. */
  readonly aliases: readonly string[];
}

export interface VersionRow {
  readonly model: string;
  readonly number: number;
  readonly digest: string;
  readonly inputs: string;
  readonly description: string;
  readonly author: string;
  readonly created_at: number;
  readonly deleted_at: number | null;
  readonly signature_digest: string | null;
  readonly signature_key_hint: string | null;
}

interface EntryRow<Value> {
  readonly number: number;
  readonly key: string;
  readonly value: Value;
}

interface FileRow {
  readonly number: number;
  readonly name: string;
  readonly digest: string;
  readonly size: number;
  readonly onnx: string | null;
}

/** @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, VERSION_DELETED */
export async function readVersion(database: SqlExecutor, model: string, number: number): Promise<ModelVersion> {
  const sql = "SELECT * FROM registry_version WHERE model = ? AND number = ?";
  const [row] = await database.query<VersionRow>(sql, [model, number]);
  if (row === undefined) {
    await assertModel(database, model);
    throw registryError("VERSION_NOT_FOUND", { model, number });
  }
  if (row.deleted_at !== null) throw registryError("VERSION_DELETED", { model, number });
  const [version] = await withDetails(database, model, [row]);
  return version as ModelVersion;
}

/** @throws MODEL_NOT_FOUND */
export async function assertModel(database: SqlExecutor, model: string): Promise<void> {
  const sql = "SELECT 1 FROM registry_model WHERE name = ? AND deleted_at IS NULL";
  if ((await database.query(sql, [model])).length === 0) throw registryError("MODEL_NOT_FOUND", { model });
}

/** Adds files, metrics, params, tags and aliases to rows of one model: one query each, however many rows. */
export async function withDetails(
  database: SqlExecutor,
  model: string,
  rows: readonly VersionRow[],
): Promise<ModelVersion[]> {
  if (rows.length === 0) return [];
  const numbers = rows.map(({ number }) => number);
  const range = [model, Math.min(...numbers), Math.max(...numbers)];
  const between = "WHERE model = ? AND number BETWEEN ? AND ?";
  const files = await database.query<FileRow>(`SELECT * FROM registry_file ${between} ORDER BY number, ordinal`, range);
  const metrics = await entriesOf<number>(database, "registry_metric", range);
  const params = await entriesOf<string>(database, "registry_param", range);
  const tags = await entriesOf<string>(database, "registry_tag", range);
  const aliases = await database.query<{ number: number; alias: string }>(
    `SELECT number, alias FROM registry_alias ${between} ORDER BY alias`,
    range,
  );
  return rows.map((row) => ({
    name: row.model,
    number: row.number,
    digest: row.digest,
    files: files.filter(({ number }) => number === row.number).map(toFile),
    ...signatureOf(row),
    metrics: record(metrics, row.number),
    params: record(params, row.number),
    tags: record(tags, row.number),
    inputs: JSON.parse(row.inputs) as Record<string, readonly string[]>,
    description: row.description,
    author: row.author,
    createdAt: row.created_at,
    aliases: aliases.filter(({ number }) => number === row.number).map(({ alias }) => alias),
  }));
}

function entriesOf<Value>(
  database: SqlExecutor,
  table: "registry_metric" | "registry_param" | "registry_tag",
  range: readonly (string | number)[],
): Promise<EntryRow<Value>[]> {
  const sql = `SELECT number, key, value FROM ${table} WHERE model = ? AND number BETWEEN ? AND ? ORDER BY key`;
  return database.query<EntryRow<Value>>(sql, range);
}

function record<Value>(rows: readonly EntryRow<Value>[], number: number): Record<string, Value> {
  return Object.fromEntries(rows.filter((row) => row.number === number).map(({ key, value }) => [key, value]));
}

function signatureOf(row: VersionRow): { readonly signature?: VersionSignature } {
  const { signature_digest: bundleDigest, signature_key_hint: keyHint } = row;
  return bundleDigest === null || keyHint === null ? {} : { signature: { bundleDigest, keyHint } };
}

function toFile({ name, digest, size, onnx }: FileRow): VersionFile {
  return onnx === null ? { name, digest, size } : { name, digest, size, onnx: JSON.parse(onnx) as OnnxSummary };
}
