import { createPublicKey } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { ObjectStore } from "@ashlar/core";
import { arrow, createFeatureStore, type FeatureLog, featureLog, type FeatureStore } from "@ashlar/feature-store";
import type { FeatureRegistry } from "@ashlar/feature-store/registry";
import { createInferenceServer, type InferenceServer } from "@ashlar/compute/inference";
import { createModelRegistry, type ModelRegistry, sqlite as registryDatabase } from "@ashlar/model-registry";
import {
  type AuditLog,
  createAuditLog,
  ed25519Signer,
  verifyAuditLog,
  type AuditVerification,
} from "@ashlar/security/audit";
import { createAuthorizer } from "@ashlar/security/authorize";
import { createEnvelope } from "@ashlar/security/encrypt";
import { localKeyRing } from "@ashlar/security/local-keys";
import { encrypted, type ParquetCodec } from "@ashlar/storage";
import { type ArtifactStore, createArtifactStore } from "@ashlar/storage/artifact";
import { duckdb } from "@ashlar/storage/duckdb";
import { fileSystem } from "@ashlar/storage/file-system";
import { type LakeTable, type LakeTableView, openLake, type TableOptions } from "@ashlar/storage/lake";
import type { DataDirectory } from "../cli/data-directory.ts";
import { flightViews, modelFeatures } from "../flights/features.ts";
import { recentMonths } from "../flights/recent.ts";
import type { MemoryWatch } from "../report/memory.ts";
import { featureRegistry } from "./feature-registry.ts";
import { type Client, createIdentities, type Identities } from "./identities.ts";
import { guardRegistry, type GuardedRegistry } from "./guarded-registry.ts";
import { keyFile } from "./keys.ts";
import { onlineStore, removeOnlineStore } from "./online-store.ts";
import { entities, policies, type Principal } from "./policies.ts";
import { createServing, type ServingState } from "./serving.ts";

export type FlightStore = FeatureStore<ReturnType<typeof flightViews>>;

/** Everything the packages give, wired together over one data directory. */
export interface Platform extends AsyncDisposable {
  readonly directory: DataDirectory;
  readonly memory: MemoryWatch;
  readonly codec: ParquetCodec;
  readonly artifacts: ArtifactStore;
  readonly checkpoints: ObjectStore;
  readonly inference: InferenceServer;
  readonly registry: ModelRegistry;
  readonly features: FeatureRegistry;
  readonly audit: AuditLog;
  readonly authorizer: ReturnType<typeof createAuthorizer>;
  readonly identities: Identities;
  readonly serving: ServingState;
  flights(options?: TableOptions): Promise<LakeTable>;
  tableAt(version: number): Promise<LakeTableView>;
  /** The feature store over one version of the table. */
  featureStore(version: number): Promise<FlightStore>;
  /** The same views over the months that can still matter online: no window or ttl reaches back further. */
  onlineStore(version: number): Promise<FlightStore>;
  /** What was served until now, by the log of every read for a prediction. */
  servedTable(version: number): Promise<LakeTableView>;
  /** Forgets what the online store holds: materialised time does not run backwards. */
  emptyOnlineStore(version: number): Promise<void>;
  /** The registry as one principal sees it. */
  registryAs(principal: Principal): GuardedRegistry;
  clientOf(principal: Principal): Promise<Client>;
  verifyAudit(): Promise<AuditVerification>;
  /** Who was refused what, each once, in order. */
  refusals(): Promise<readonly { readonly principal: string; readonly action: string; readonly resource: string }[]>;
}

interface OnlineStore {
  readonly store: FlightStore;
  readonly log: FeatureLog;
}

const verifyAttempts = 5;

/** Opens what needs opening; nothing is built yet. */
export async function openPlatform(directory: DataDirectory, memory: MemoryWatch): Promise<Platform> {
  const stack = new AsyncDisposableStack();
  const codec = stack.use(duckdb());
  const lake = stack.use(openLake({ objects: fileSystem({ root: directory.file("lake") }), codec }));
  const artifacts = createArtifactStore({ objects: fileSystem({ root: directory.file("artifacts") }) });
  const checkpoints = fileSystem({ root: directory.file("checkpoints") });

  const keys = localKeyRing({ path: directory.file("keys", "data-keys.json"), create: true });
  const cipher = stack.use(createEnvelope({ keys }));
  const sealed = encrypted(fileSystem({ root: directory.file("models") }), { cipher });
  const signingKey = keyFile(directory.file("keys", "models.pem"), "p256");
  const registry = stack.use(
    createModelRegistry({
      database: registryDatabase({ path: directory.file("registry.db") }),
      artifacts: createArtifactStore({ objects: sealed }),
      protectedAliases: { champion: { approvals: 1 } },
      signing: { key: signingKey },
      trustedKeys: [createPublicKey(signingKey)],
    }),
  );

  const features = stack.use(featureRegistry(directory));
  const signer = ed25519Signer({
    name: "ashlar.reference/audit",
    privateKey: keyFile(directory.file("keys", "audit.pem")),
  });
  const audit = stack.use(await createAuditLog({ directory: directory.file("audit"), signer }));
  const authorizer = createAuthorizer({ policies, entities });
  const inference = stack.use(createInferenceServer());
  const identities = await createIdentities(directory);
  const stores = new Map<number, Promise<OnlineStore>>();

  stack.defer(async () => {
    for (const online of stores.values()) await (await online).store[Symbol.asyncDispose]();
  });

  async function openOnline(version: number): Promise<OnlineStore> {
    const views = flightViews(recentMonths((await lake.table("flights")).at(version)));
    const log = featureLog({ views, features: modelFeatures, sink: await lake.table("feature_log"), batchRows: 2_000 });
    const online = onlineStore(directory);
    return { store: createFeatureStore({ views, offline: arrow(), online, logs: [log] }), log };
  }
  function onlineOf(version: number): Promise<OnlineStore> {
    const opened = stores.get(version) ?? openOnline(version);
    stores.set(version, opened);
    return opened;
  }

  const platform: Platform = {
    directory,
    memory,
    codec,
    artifacts,
    checkpoints,
    inference,
    registry,
    features,
    audit,
    authorizer,
    identities,
    serving: createServing(() => platform),
    flights: (options) => lake.table("flights", options),
    tableAt: async (version) => (await lake.table("flights")).at(version),
    async featureStore(version) {
      const views = flightViews((await lake.table("flights")).at(version));
      return createFeatureStore({ views, offline: arrow() });
    },
    onlineStore: async (version) => (await onlineOf(version)).store,
    async servedTable(version) {
      await (await onlineOf(version)).log.flush();
      const served = await lake.table("feature_log");
      return served.at((await served.snapshot()).version);
    },
    async emptyOnlineStore(version) {
      await (await stores.get(version))?.store[Symbol.asyncDispose]();
      stores.delete(version);
      removeOnlineStore(directory);
    },
    registryAs: (principal) => guardRegistry(registry, { authorizer, audit, principal }),
    clientOf: (principal) => identities.clientOf(principal),
    async verifyAudit() {
      for (let attempt = 1; ; attempt++) {
        const trustedCheckpoint = audit.checkpoint();
        const place = { directory: directory.file("audit"), publicKey: signer.publicKey };
        const found = await verifyAuditLog({ ...place, trustedCheckpoint });
        // What is being written while it is read looks torn, and is whole a moment later.
        if (found.ok || attempt === verifyAttempts) return found;
        await sleep(100);
      }
    },
    async refusals() {
      const seen = new Map<string, { principal: string; action: string; resource: string }>();
      for await (const { event } of audit.entries()) {
        if (event.outcome !== "refused") continue;
        const { principal, action, resource } = event;
        seen.set(`${principal} ${action} ${resource}`, { principal, action, resource });
      }
      return [...seen.values()];
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
  return platform;
}
