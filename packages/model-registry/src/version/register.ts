import type { SqlDatabase, SqlExecutor } from "@ashlar/core";
import { assertFileNames } from "../artifact/file-name.ts";
import { type ModelFiles, store, type TakenIn, takeIn } from "../artifact/intake.ts";
import type { ArtifactStore } from "../artifact/store.ts";
import { canonicalJson, sha256 } from "../digest.ts";
import { registryError } from "../errors.ts";
import type { Failpoint } from "../failpoint.ts";
import { addEdges } from "../lineage/graph.ts";
import { checkInputs, type LineageInput, versionNode } from "../lineage/node.ts";
import { assertIdentity, assertModelName, assertText, invalid } from "../name.ts";
import { checkMetadata, type Metadata, type ParamValue } from "./metadata.ts";
import type { Signing } from "../signature/sign.ts";
import type { Statement } from "../signature/statement.ts";
import { type ModelVersion, readVersion, type VersionSignature } from "./version.ts";

export interface RegisterRequest {
  /** Name to content. `*.onnx` files are read, and refused when they are broken. */
  readonly files: ModelFiles;
  /** Finite numbers. @default none */
  readonly metrics?: Readonly<Record<string, number>>;
  /** Kept as text. @default none */
  readonly params?: Readonly<Record<string, ParamValue>>;
  /** @default none */
  readonly tags?: Readonly<Record<string, string>>;
  /** What it was made of; each becomes a lineage edge to the version. @default none */
  readonly inputs?: Readonly<Record<string, LineageInput | undefined>> & {
    /** Digest of the training set. */
    readonly trainingSet?: LineageInput;
  };
  /** @default empty */
  readonly description?: string;
  /** Who made it; this person cannot approve it. */
  readonly author: string;
  /**
   * What to do when the model has a version with the same files and inputs: `reuse` gives the newest such version,
   * with the signature it has, `new` makes another. A registry that signs reuses only signed versions. @default "new"
   */
  readonly ifUnchanged?: "new" | "reuse";
  /** A second call with the same key gives the version of the first, also after it was deleted: then it is refused. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

export interface RegisteredVersion extends ModelVersion {
  /** False when an existing version was returned, because of `ifUnchanged` or `idempotencyKey`. */
  readonly created: boolean;
}

export interface RegisterContext {
  readonly database: SqlDatabase;
  readonly artifacts: ArtifactStore;
  readonly now: () => number;
  readonly failpoint: Failpoint;
  /** Undefined when versions are not signed. */
  readonly signing: Signing | undefined;
}

interface Checked {
  readonly model: string;
  readonly metadata: Metadata;
  readonly inputs: Record<string, readonly string[]>;
  readonly description: string;
  readonly author: string;
  readonly reuse: "any" | "signed" | undefined;
  readonly key: string | undefined;
}

/**
 * Makes a version: checks the request, stores the bytes, signs them, then inserts everything in one transaction. A
 * crash leaves either no version (and blobs that nothing refers to) or all of it.
 */
export async function register(
  context: RegisterContext,
  model: string,
  request: RegisterRequest,
): Promise<RegisteredVersion> {
  const { database, artifacts, failpoint, signing } = context;
  const checked = check(model, request, signing);
  const options = request.signal === undefined ? { failpoint } : { failpoint, signal: request.signal };
  const taken = await takeIn(artifacts, request.files, options);
  request.signal?.throwIfAborted();
  const existingVersion = async (executor: SqlExecutor): Promise<RegisteredVersion | undefined> => {
    const number = await findExisting(executor, checked, taken);
    return number === undefined ? undefined : { ...(await readVersion(executor, model, number)), created: false };
  };
  let signature: VersionSignature | undefined;
  if (signing !== undefined) {
    // Asked before the transaction too: a signature costs a call of a key service, and one that is not used, a blob.
    const existing = await existingVersion(database);
    if (existing !== undefined) return existing;
    signature = await signFiles(artifacts, signing, { name: model, files: taken.files }, request.signal);
    failpoint("signature-stored");
    request.signal?.throwIfAborted();
  }
  const outcome = await database.transaction(async (tx) => {
    const existing = await existingVersion(tx);
    if (existing !== undefined) return existing;
    const number = await insert(tx, checked, taken, signature, context.now());
    failpoint("version-inserted");
    return { ...(await readVersion(tx, model, number)), created: true };
  });
  if (outcome.created) failpoint("version-committed");
  return outcome;
}

async function signFiles(
  artifacts: ArtifactStore,
  signing: Signing,
  statement: Statement,
  signal: AbortSignal | undefined,
): Promise<VersionSignature> {
  const options = signal === undefined ? {} : { signal };
  const bundle = await signing.sign(statement, options);
  const { digest } = await store(artifacts, "the signature", bundle, options);
  if (!(await artifacts.has(digest, options)))
    throw registryError("ARTIFACT_MISSING", { digest, file: "the signature" });
  return { bundleDigest: digest, keyHint: signing.key.hint };
}

function check(model: string, request: RegisterRequest, signing: Signing | undefined): Checked {
  assertModelName(model);
  assertIdentity(request.author, "author");
  assertText(request.description, "description", 100_000);
  const { ifUnchanged = "new", idempotencyKey: key } = request;
  if (ifUnchanged !== "new" && ifUnchanged !== "reuse") {
    throw invalid("ifUnchanged", ifUnchanged, 'it must be "new" or "reuse"');
  }
  if (key !== undefined) assertIdentity(key, "idempotency key");
  assertFileNames(Object.keys(request.files));
  signing?.assertSignable(Object.keys(request.files));
  for (const [name, body] of Object.entries(request.files)) {
    if (body instanceof Uint8Array || body instanceof ReadableStream) continue;
    throw invalid(`content of the file "${name}"`, typeof body, "it must be a Uint8Array or a ReadableStream");
  }
  return {
    model,
    metadata: checkMetadata(request),
    inputs: checkInputs(request.inputs),
    description: request.description ?? "",
    author: request.author,
    reuse: ifUnchanged === "new" ? undefined : signing === undefined ? "any" : "signed",
    key,
  };
}

/** What makes two requests the same, for an idempotency key. */
function requestDigest({ metadata, inputs, description, author }: Checked, { digest }: TakenIn): string {
  return sha256(canonicalJson({ digest, metadata, inputs, description, author }));
}

async function findExisting(tx: SqlExecutor, checked: Checked, taken: TakenIn): Promise<number | undefined> {
  const { model, key, inputs } = checked;
  if (key !== undefined) {
    const [first] = await tx.query<{ number: number; request_digest: string }>(
      "SELECT number, request_digest FROM registry_version WHERE model = ? AND idempotency_key = ?",
      [model, key],
    );
    if (first !== undefined && first.request_digest !== requestDigest(checked, taken)) {
      throw registryError("IDEMPOTENCY_CONFLICT", { key, first: `it made version ${first.number} of "${model}"` });
    }
    if (first !== undefined) return first.number;
  }
  if (checked.reuse === undefined) return undefined;
  const signed = checked.reuse === "signed" ? "AND signature_digest IS NOT NULL" : "";
  const [same] = await tx.query<{ number: number }>(
    `SELECT number FROM registry_version WHERE model = ? AND digest = ? AND inputs_digest = ? AND deleted_at IS NULL ${signed}
     ORDER BY number DESC LIMIT 1`,
    [model, taken.digest, sha256(canonicalJson(inputs))],
  );
  return same?.number;
}

/** @returns its number */
async function insert(
  tx: SqlExecutor,
  checked: Checked,
  taken: TakenIn,
  signature: VersionSignature | undefined,
  now: number,
): Promise<number> {
  const { model, metadata, inputs, description, author, key } = checked;
  const number = await allocateNumber(tx, model, now);
  const inputsText = canonicalJson(inputs);
  await tx.run(
    `INSERT INTO registry_version (model, number, digest, inputs, inputs_digest, description, author, created_at,
       idempotency_key, request_digest, signature_digest, signature_key_hint)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      model,
      number,
      taken.digest,
      inputsText,
      sha256(inputsText),
      description,
      author,
      now,
      key ?? null,
      requestDigest(checked, taken),
      signature?.bundleDigest ?? null,
      signature?.keyHint ?? null,
    ],
  );
  for (const [ordinal, { name, digest, size, onnx }] of taken.files.entries()) {
    await tx.run(
      "INSERT INTO registry_file (model, number, ordinal, name, digest, size, onnx) VALUES (?, ?, ?, ?, ?, ?, ?)",
      [model, number, ordinal, name, digest, size, onnx === undefined ? null : JSON.stringify(onnx)],
    );
  }
  for (const [table, entries] of [
    ["registry_metric", metadata.metrics],
    ["registry_param", metadata.params],
    ["registry_tag", metadata.tags],
  ] as const) {
    for (const [key, value] of entries) {
      await tx.run(`INSERT INTO ${table} (model, number, key, value) VALUES (?, ?, ?, ?)`, [model, number, key, value]);
    }
  }
  const to = versionNode(model, number);
  const edges = Object.entries(inputs).flatMap(([relation, nodes]) => nodes.map((from) => ({ from, to, relation })));
  await addEdges(tx, edges, now);
  return number;
}

/** The counter outlives versions and the model itself, so that `delay/1` never means other bytes. */
async function allocateNumber(tx: SqlExecutor, model: string, now: number): Promise<number> {
  const [row] = await tx.query<{ number: number }>(
    `INSERT INTO registry_model (name, next_number, created_at) VALUES (?, 2, ?)
     ON CONFLICT (name) DO UPDATE SET next_number = next_number + 1, deleted_at = NULL
     RETURNING next_number - 1 AS number`,
    [model, now],
  );
  return (row as { number: number }).number;
}
