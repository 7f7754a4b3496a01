export type { ApplyOptions } from "./apply.ts";
export type { Backfill } from "./cost.ts";
export { type DatabaseFactory, sqlite } from "./database.ts";
export type { LineageEdge, LineageGraph } from "./lineage.ts";
export type { Definitions, PlannedChange, RegistryPlan } from "./plan.ts";
export type { ProfileEntry, ProfileQuery, ProfileRecord, ProfileSubject } from "./profiles.ts";
export {
  createFeatureRegistry,
  type FeatureRegistry,
  type FeatureRegistryOptions,
  type RecordOptions,
  type RevisionEntry,
} from "./registry.ts";
export type { SearchRequest } from "./search.ts";
export type { DefinitionKind, DefinitionRecord, VersionEntry } from "./version.ts";
