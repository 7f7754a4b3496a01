import { type KeyObject, randomUUID } from "node:crypto";
import {
  type Clock,
  type Logger,
  type Page,
  type PageRequest,
  silentLogger,
  type SqlDatabase,
  systemClock,
} from "@ashlar/core";
import { type Approval, readApprovals, recordApproval } from "./alias/approval.ts";
import { type AliasMove, readMoves, targetAt } from "./alias/history.ts";
import { type AliasContext, type AliasProtection, promote, type PromoteRequest } from "./alias/promote.ts";
import { removeAlias, type RemoveRequest, rollback, type RollbackRequest } from "./alias/rollback.ts";
import type { ArtifactStore } from "./artifact/store.ts";
import type { DatabaseFactory } from "./database/port.ts";
import { registryError } from "./errors.ts";
import type { Failpoint } from "./failpoint.ts";
import { addEdges, checkEdges, type LineageGraph, type LineageOptions, walk } from "./lineage/graph.ts";
import type { LineageNode } from "./lineage/node.ts";
import { type LoadedModel, load, type LoadOptions, resolve } from "./load.ts";
import { type Model, readModel, readModels, readVersions } from "./model.ts";
import { assertAliasName, assertIdentity, assertModelName, assertText, assertVersionNumber, invalid } from "./name.ts";
import { pageLimit } from "./page.ts";
import { trustOf } from "./signature/trust.ts";
import { type ModelSigner, type Signing, signingWith } from "./signature/sign.ts";
import { readSignature, type SignatureContext, verifyVersion } from "./signature/version.ts";
import { deleteModel, deleteVersion } from "./version/delete.ts";
import { register, type RegisteredVersion, type RegisterRequest } from "./version/register.ts";
import { assertModel, type ModelVersion, readVersion } from "./version/version.ts";

export interface ModelRegistryOptions {
  /** Where models, versions and aliases are kept, e.g. `sqlite({ path })`. */
  readonly database: DatabaseFactory;
  /** Where their bytes are kept. */
  readonly artifacts: ArtifactStore;
  /** What certain aliases, of any model, demand of every promotion. @default nothing */
  readonly protectedAliases?: Readonly<Record<string, AliasProtection>>;
  /**
   * Signs every version that is registered: a private key of P-256, P-384 or P-521, or a signer that holds one.
   *
   * @default versions are not signed
   */
  readonly signing?: { readonly key: KeyObject | ModelSigner };
  /**
   * Public keys (KeyObjects or PEM texts), one of which must have signed what is loaded; also those the gate
   * `signed()` asks. A private KeyObject stands for its public half.
   *
   * @default signatures are not verified
   */
  readonly trustedKeys?: readonly (KeyObject | string)[];
  /** @default the clock of this machine */
  readonly clock?: Clock;
  /** @default silent */
  readonly logger?: Logger;
  /** Makes the ids of approvals. @default crypto.randomUUID */
  readonly random?: () => string;
  /** Called at each durable boundary. @default nothing */
  readonly failpoint?: Failpoint;
}

export interface ApproveRequest {
  /** Anybody but the author of the version. */
  readonly by: string;
  /** @default empty */
  readonly comment?: string;
  /** The only alias it is meant for. @default any */
  readonly alias?: string;
}

/**
 * Models, their versions, and the aliases that point to them.
 *
 * A reference is `name@alias` or `name/number`. Every method may throw REQUEST_INVALID, before anything is changed,
 * and REGISTRY_CLOSED.
 */
export interface ModelRegistry extends AsyncDisposable {
  /** Opens the database now; otherwise the first call does. @throws SCHEMA_TOO_NEW, DATABASE_UNUSABLE */
  open(): Promise<void>;
  /**
   * Makes a version, signed when the registry has a signing key.
   *
   * @throws FILE_NAME_INVALID, ONNX_INVALID, IDEMPOTENCY_CONFLICT, ARTIFACT_CORRUPT, SIGNING_FAILED
   */
  register(name: string, request: RegisterRequest): Promise<RegisteredVersion>;
  /** @throws MODEL_NOT_FOUND, ALIAS_NOT_FOUND, VERSION_NOT_FOUND, VERSION_DELETED */
  get(reference: string): Promise<ModelVersion>;
  /**
   * As `get`, and its bytes: verified, or refused. With `trustedKeys`, the signature is verified first.
   *
   * @throws ARTIFACT_CORRUPT, ARTIFACT_MISSING, SIGNATURE_MISSING, SIGNATURE_INVALID
   */
  load(reference: string, options?: LoadOptions): Promise<LoadedModel>;
  /** The Sigstore bundle of a version, as stored: whoever takes it verifies it. @throws SIGNATURE_MISSING, VERSION_NOT_FOUND */
  signature(name: string, number: number): Promise<Uint8Array>;
  /** @throws MODEL_NOT_FOUND */
  model(name: string): Promise<Model>;
  /** By name. @throws INVALID_CURSOR */
  models(request?: PageRequest): Promise<Page<Model>>;
  /** Newest first. @throws MODEL_NOT_FOUND, INVALID_CURSOR */
  versions(name: string, request?: PageRequest): Promise<Page<ModelVersion>>;
  /** @throws VERSION_IN_USE, VERSION_NOT_FOUND, VERSION_DELETED */
  deleteVersion(name: string, number: number, options: { readonly by: string }): Promise<void>;
  /** @throws MODEL_IN_USE, MODEL_NOT_FOUND */
  deleteModel(name: string, options: { readonly by: string }): Promise<void>;
  /** Records that somebody agrees to a version. @throws APPROVAL_INVALID when that is its author */
  approve(name: string, number: number, request: ApproveRequest): Promise<Approval>;
  /** Of one version, oldest first. @throws VERSION_NOT_FOUND, VERSION_DELETED */
  approvals(name: string, number: number): Promise<readonly Approval[]>;
  /** Moves an alias, or changes nothing. @throws ALIAS_CONFLICT, GATE_FAILED, APPROVAL_INVALID, APPROVALS_MISSING */
  promote(name: string, request: PromoteRequest): Promise<AliasMove>;
  /** Points an alias to its previous target. @throws ROLLBACK_IMPOSSIBLE, ALIAS_NOT_FOUND, ALIAS_CONFLICT */
  rollback(name: string, request: RollbackRequest): Promise<AliasMove>;
  /** Makes an alias point to nothing. @throws ALIAS_NOT_FOUND, ALIAS_CONFLICT */
  removeAlias(name: string, request: RemoveRequest): Promise<AliasMove>;
  /** What each alias points to, by name. @throws MODEL_NOT_FOUND */
  aliases(name: string): Promise<Readonly<Record<string, number>>>;
  /** Newest first. @throws MODEL_NOT_FOUND, INVALID_CURSOR */
  aliasHistory(name: string, alias: string, request?: PageRequest): Promise<Page<AliasMove>>;
  /** The version an alias pointed to at a time (epoch milliseconds); undefined when it did not exist. */
  aliasAt(name: string, alias: string, time: number): Promise<number | undefined>;
  /** Adds edges; those that exist are left. */
  linkLineage(
    edges: readonly {
      readonly from: string | LineageNode;
      readonly to: string | LineageNode;
      readonly relation: string;
    }[],
  ): Promise<void>;
  /** What a node was made of, or what was made of it. A version is the node `model:<name>/<number>`. */
  lineage(node: string | LineageNode, options?: LineageOptions): Promise<LineageGraph>;
}

/** A registry over a database and an artifact store. Nothing is opened yet. @throws REQUEST_INVALID, SIGNING_KEY_INVALID */
export function createModelRegistry(options: ModelRegistryOptions): ModelRegistry {
  for (const [alias, { approvals = 0 }] of Object.entries(options.protectedAliases ?? {})) {
    assertAliasName(alias);
    if (Number.isInteger(approvals) && approvals >= 0) continue;
    throw invalid(`number of approvals for "${alias}"`, approvals, "it must be a whole number from 0");
  }
  return new SqlModelRegistry(options);
}

class SqlModelRegistry implements ModelRegistry {
  readonly #options: ModelRegistryOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #failpoint: Failpoint;
  readonly #signing: Signing | undefined;
  readonly #signatures: SignatureContext;
  #opening: Promise<SqlDatabase> | undefined;
  #closed = false;

  constructor(options: ModelRegistryOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#failpoint = options.failpoint ?? (() => undefined);
    this.#signing = options.signing === undefined ? undefined : signingWith(options.signing.key);
    this.#signatures = { artifacts: options.artifacts, trusted: trustOf(options.trustedKeys, this.#signing) };
  }

  async open(): Promise<void> {
    await this.#database();
  }

  async register(name: string, request: RegisterRequest): Promise<RegisteredVersion> {
    const database = await this.#database();
    const { artifacts } = this.#options;
    const context = { database, artifacts, now: this.#now, failpoint: this.#failpoint, signing: this.#signing };
    const version = await register(context, name, request);
    const { number, digest, created, signature } = version;
    const keyHint = signature?.keyHint;
    this.#logger.info({ model: name, number, digest, created, keyHint }, "registered a model version");
    return version;
  }

  async get(reference: string): Promise<ModelVersion> {
    return resolve(await this.#database(), reference);
  }

  async load(reference: string, options: LoadOptions = {}): Promise<LoadedModel> {
    return load(await this.#database(), this.#signatures, reference, options);
  }

  async signature(name: string, number: number): Promise<Uint8Array> {
    assertModelName(name);
    assertVersionNumber(number);
    return readSignature(this.#signatures, await readVersion(await this.#database(), name, number));
  }

  async model(name: string): Promise<Model> {
    assertModelName(name);
    return readModel(await this.#database(), name);
  }

  async models(request: PageRequest = {}): Promise<Page<Model>> {
    return readModels(await this.#database(), request);
  }

  async versions(name: string, request: PageRequest = {}): Promise<Page<ModelVersion>> {
    assertModelName(name);
    return readVersions(await this.#database(), name, request);
  }

  async deleteVersion(name: string, number: number, { by }: { readonly by: string }): Promise<void> {
    await deleteVersion(await this.#database(), name, number, { by, at: this.#now() });
    this.#logger.info({ model: name, number, by }, "deleted a model version");
  }

  async deleteModel(name: string, { by }: { readonly by: string }): Promise<void> {
    await deleteModel(await this.#database(), name, { by, at: this.#now() });
    this.#logger.info({ model: name, by }, "deleted a model");
  }

  async approve(name: string, number: number, request: ApproveRequest): Promise<Approval> {
    const { by, comment = "", alias } = request;
    assertModelName(name);
    assertVersionNumber(number);
    assertIdentity(by, "by");
    assertText(comment, "comment");
    if (alias !== undefined) assertAliasName(alias);
    const database = await this.#database();
    const id = this.#options.random?.() ?? randomUUID();
    const approval: Approval = { id, name, number, alias, by, comment, at: this.#now() };
    await database.transaction(async (tx) => recordApproval(tx, approval, await readVersion(tx, name, number)));
    return approval;
  }

  async approvals(name: string, number: number): Promise<readonly Approval[]> {
    assertModelName(name);
    assertVersionNumber(number);
    const database = await this.#database();
    await readVersion(database, name, number);
    return readApprovals(database, name, number);
  }

  async promote(name: string, request: PromoteRequest): Promise<AliasMove> {
    return this.#moved(await promote(await this.#aliasContext(), name, request));
  }

  async rollback(name: string, request: RollbackRequest): Promise<AliasMove> {
    return this.#moved(await rollback(await this.#aliasContext(), name, request));
  }

  async removeAlias(name: string, request: RemoveRequest): Promise<AliasMove> {
    return this.#moved(await removeAlias(await this.#aliasContext(), name, request));
  }

  async aliases(name: string): Promise<Readonly<Record<string, number>>> {
    return (await this.model(name)).aliases;
  }

  async aliasHistory(name: string, alias: string, request: PageRequest = {}): Promise<Page<AliasMove>> {
    assertModelName(name);
    assertAliasName(alias);
    const limit = pageLimit(request);
    const database = await this.#database();
    await assertModel(database, name);
    return readMoves(database, name, alias, { limit, cursor: request.cursor });
  }

  async aliasAt(name: string, alias: string, time: number): Promise<number | undefined> {
    assertModelName(name);
    assertAliasName(alias);
    if (!Number.isFinite(time)) throw invalid("time", time, "it must be epoch milliseconds");
    return targetAt(await this.#database(), name, alias, time);
  }

  async linkLineage(edges: Parameters<ModelRegistry["linkLineage"]>[0]): Promise<void> {
    const checked = checkEdges(edges);
    const database = await this.#database();
    await database.transaction((tx) => addEdges(tx, checked, this.#now()));
  }

  async lineage(node: string | LineageNode, options: LineageOptions = {}): Promise<LineageGraph> {
    return walk(await this.#database(), node, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const opening = this.#opening;
    this.#opening = undefined;
    const database = await opening?.catch(() => undefined);
    await database?.[Symbol.asyncDispose]();
  }

  #database(): Promise<SqlDatabase> {
    if (this.#closed) return Promise.reject(registryError("REGISTRY_CLOSED", {}));
    this.#opening ??= this.#options.database().catch((error: unknown) => {
      // A file that was locked or missing may be there at the next call.
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #aliasContext(): Promise<AliasContext> {
    const protection = (alias: string): AliasProtection => {
      const all = this.#options.protectedAliases ?? {};
      return Object.hasOwn(all, alias) ? (all[alias] ?? {}) : {};
    };
    const verifySignature: AliasContext["verifySignature"] = (version) => verifyVersion(this.#signatures, version);
    const database = await this.#database();
    return { database, now: this.#now, failpoint: this.#failpoint, protection, verifySignature };
  }

  #moved(move: AliasMove): AliasMove {
    const { name, alias, kind, from, to, by, revision } = move;
    this.#logger.info({ model: name, alias, kind, from, to, by, revision }, "moved an alias");
    return move;
  }

  readonly #now = (): number => this.#clock.now();
}
