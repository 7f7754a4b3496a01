import { type Authorizer, type Clock, type Page, type SqlDatabase, systemClock } from "@ashlar/core";
import { featureStoreError } from "../errors.ts";
import type { TrainingManifest } from "../training/manifest.ts";
import { type ApplyOptions, applyPlan, assertApplyOptions, currentRevision, principalOf } from "./apply.ts";
import type { DatabaseFactory } from "./database.ts";
import { addEdges, assertEdges, type LineageEdge, type LineageGraph, manifestEdges, walk } from "./lineage.ts";
import { type Act, actsOfEdges, actsOfPlan, actsOfProfile, actsOfTrainingSet, assertPermitted } from "./permission.ts";
import { assertPlan, type Definitions, makePlan, type PlannedChange, type RegistryPlan } from "./plan.ts";
import { listProfiles, type ProfileEntry, type ProfileQuery, type ProfileRecord, recordProfile } from "./profiles.ts";
import { activeDefinitions, assertLimit, search, type SearchRequest } from "./search.ts";
import { type DefinitionKind, type DefinitionRecord, listVersions, readVersion, type VersionEntry } from "./version.ts";

export interface FeatureRegistryOptions {
  /** Where definitions are kept, e.g. `sqlite({ path })`. */
  readonly database: DatabaseFactory;
  /**
   * Decides each change of a plan for the principal who applies it: `Feature::add`, `Feature::change`, `Feature::describe` or
   * `Feature::remove` on `FeatureView::<name>` or `FeatureService::<name>`; default everyone may. The context has `from` and
   * `to`, the versions. One refusal refuses the plan. So it decides what is recorded: `Feature::recordTrainingSet` on the
   * service or views, `Feature::recordProfile` on the view, `Feature::link` on `FeatureLineage::<node made>`; with an
   * authorizer these need `by`. (To guard reads too, and to record them, wrap the registry in
   * `guarded` of `@ashlar/security`.)
   */
  readonly authorizer?: Authorizer;
  readonly clock?: Clock;
}

/** Who records something: needed where the registry has an authorizer. */
export interface RecordOptions {
  readonly by?: string | undefined;
}

export interface RevisionEntry {
  readonly revision: number;
  readonly by: string;
  readonly message: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly changes: readonly PlannedChange[];
}

/** Which definitions are in force, which were, and what was made of them. Every method may throw CLOSED. */
export interface FeatureRegistry extends AsyncDisposable {
  /**
   * What would change were these the definitions, and what it would cost. Nothing is changed.
   *
   * @throws VIEW_NAME_COLLISION, SERVICE_NAME_COLLISION
   */
  plan(definitions: Definitions): Promise<RegistryPlan>;
  /**
   * Carries a plan out, all of it or nothing, if nothing was applied since it was made.
   *
   * @returns the revision reached
   * @throws REGISTRY_CONFLICT when another plan was applied meanwhile; PLAN_INVALID when the plan was altered; REQUEST_INVALID without `by`;
   *   ACCESS_DENIED when the authorizer refuses a change
   */
  apply(plan: RegistryPlan, options: ApplyOptions): Promise<number>;
  /** The newest revision; 0 before the first. */
  revision(): Promise<number>;
  /** Newest first, at most `limit` (from 1 to 1000, default 100). @throws REQUEST_INVALID */
  revisions(options?: { readonly limit?: number }): Promise<readonly RevisionEntry[]>;
  /** A definition: the one in force, or any version that ever was. @throws DEFINITION_NOT_FOUND */
  get(kind: DefinitionKind, name: string, options?: { readonly version?: string }): Promise<DefinitionRecord>;
  /** Newest first. @throws DEFINITION_NOT_FOUND */
  versions(kind: DefinitionKind, name: string): Promise<readonly VersionEntry[]>;
  /** Definitions in force. @throws REQUEST_INVALID, INVALID_CURSOR */
  search(request?: SearchRequest): Promise<Page<DefinitionRecord>>;
  /**
   * Records that a training set was made of its service or views; `model` (`model:delay/3`) was made of it in turn.
   *
   * @throws REQUEST_INVALID; ACCESS_DENIED when the authorizer refuses
   */
  recordTrainingSet(
    manifest: TrainingManifest,
    options?: RecordOptions & { readonly model?: string | undefined },
  ): Promise<void>;
  /**
   * Keeps a profile of rows of a view's version, as `profile` of `/validate` makes it. `rows` names the rows.
   *
   * @returns its id
   * @throws DEFINITION_NOT_FOUND for a version that was never applied; REQUEST_INVALID; ACCESS_DENIED when the authorizer refuses
   */
  recordProfile(
    record: Omit<ProfileRecord, "rows"> & { readonly rows?: string },
    options?: RecordOptions,
  ): Promise<number>;
  /** The profiles of a view, newest first. @throws REQUEST_INVALID */
  profiles(view: string, query?: ProfileQuery): Promise<readonly ProfileEntry[]>;
  /** Records edges; those that exist are left. @throws REQUEST_INVALID; ACCESS_DENIED when the authorizer refuses one of them */
  link(edges: readonly LineageEdge[], options?: RecordOptions): Promise<void>;
  /** What a node was made of (`upstream`, the default), or what was made of it. @throws REQUEST_INVALID */
  lineage(node: string, options?: { readonly direction?: "upstream" | "downstream" }): Promise<LineageGraph>;
}

/** Makes a registry. The first call opens the database. */
export function createFeatureRegistry({
  database,
  authorizer,
  clock = systemClock,
}: FeatureRegistryOptions): FeatureRegistry {
  let opened: Promise<SqlDatabase> | undefined;
  let closed = false;

  function open(): Promise<SqlDatabase> {
    if (closed) throw featureStoreError("CLOSED", { what: "feature registry" });
    opened ??= database().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  }

  async function assertMay(acts: readonly Act[], { by }: RecordOptions): Promise<void> {
    if (authorizer === undefined) return;
    await assertPermitted(authorizer, principalOf(by), acts);
  }

  async function addLinks(edges: readonly LineageEdge[]): Promise<void> {
    await (await open()).transaction((tx) => addEdges(tx, edges, clock.now()));
  }

  return {
    async plan(definitions) {
      const database = await open();
      // What is in force and its revision must belong together.
      const snapshot = await database.transaction(async (tx) => ({
        revision: await currentRevision(tx),
        active: await activeDefinitions(tx),
      }));
      return makePlan(database, snapshot, definitions, clock.now());
    },
    async apply(plan, options) {
      assertPlan(plan);
      assertApplyOptions(options);
      if (authorizer !== undefined) await assertPermitted(authorizer, options.by, actsOfPlan(plan));
      return (await open()).transaction((tx) => applyPlan(tx, plan, options, clock.now()));
    },
    revision: async () => currentRevision(await open()),
    async revisions({ limit = 100 } = {}) {
      assertLimit(limit);
      const rows = await (
        await open()
      ).query<Omit<RevisionEntry, "changes"> & { plan: string }>(
        "SELECT revision, plan, by, message, at FROM feature_revision ORDER BY revision DESC LIMIT ?",
        [limit],
      );
      return rows.map(({ plan, ...row }) => ({ ...row, changes: JSON.parse(plan) as readonly PlannedChange[] }));
    },
    get: async (kind, name, { version } = {}) => readVersion(await open(), kind, name, version),
    versions: async (kind, name) => listVersions(await open(), kind, name),
    search: async (request = {}) => search(await open(), request),
    async recordTrainingSet(manifest, { model, by } = {}) {
      const made = model === undefined ? [] : [{ from: `trainingSet:${manifest.digest}`, to: model }];
      const edges = [...manifestEdges(manifest), ...made];
      assertEdges(edges);
      await assertMay(actsOfTrainingSet(manifest, model), { by });
      await addLinks(edges);
    },
    async recordProfile(record, options = {}) {
      await assertMay(actsOfProfile(record), options);
      return (await open()).transaction((tx) => recordProfile(tx, record, clock.now()));
    },
    profiles: async (view, query = {}) => listProfiles(await open(), view, query),
    async link(edges, options = {}) {
      assertEdges(edges);
      await assertMay(actsOfEdges(edges), options);
      await addLinks(edges);
    },
    lineage: async (node, { direction = "upstream" } = {}) => walk(await open(), node, direction),
    async [Symbol.asyncDispose]() {
      closed = true;
      await (await opened)?.[Symbol.asyncDispose]();
    },
  };
}
